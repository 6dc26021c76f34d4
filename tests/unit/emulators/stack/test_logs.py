"""A part's log keeps every byte, and has its last lines at hand."""

from pathlib import Path

import pytest

from emulators.stack import logs
from emulators.stack.logs import Log


def test_lines_are_shown_whole_however_they_come(tmp_path: Path) -> None:
    shown: list[str] = []
    log = Log(tmp_path / "part.log", shown.append)
    for chunk in (b"on", b"e\ntwo\r\nth", b"ree"):
        log.write(chunk)
    assert shown == ["one", "two"]
    log.flush()
    assert shown == ["one", "two", "three"]
    assert log.path.read_bytes() == b"one\ntwo\r\nthree"


def test_the_tail_is_short_and_names_the_file(tmp_path: Path) -> None:
    log = Log(tmp_path / "part.log")
    log.write(b"".join(b"line %d\n" % number for number in range(100)))
    tail = log.tail()
    assert "| line 99\n" in tail
    assert "line 74\n" not in tail
    assert str(log.path) in tail


def test_a_part_that_said_nothing_has_a_tail_too(tmp_path: Path) -> None:
    assert "(no output)" in Log(tmp_path / "part.log").tail()


def test_the_log_of_the_run_before_is_kept_once(tmp_path: Path) -> None:
    for text in (b"first\n", b"second\n", b"third\n"):
        Log(tmp_path / "part.log").write(text)
    assert (tmp_path / "part.log").read_text() == "third\n"
    assert (tmp_path / "part.previous.log").read_text() == "second\n"


def test_a_log_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "ROTATE_AT", 10)
    log = Log(tmp_path / "part.log")
    for text in (b"more than ten\n", b"new\n"):
        log.write(text)
    assert (tmp_path / "part.log").read_text() == "new\n"
    assert (tmp_path / "part.previous.log").read_text() == "more than ten\n"


def test_a_line_without_an_end_is_shown_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LONGEST_LINE", 4)
    shown: list[str] = []
    Log(tmp_path / "part.log", shown.append).write(b"endless")
    assert shown == ["endless"]

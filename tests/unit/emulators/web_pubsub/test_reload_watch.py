"""Hot reload: what counts as an edit, what is taken over, and what is said about the rest."""

import json
from pathlib import Path
from typing import Any

import pytest

from emulators.web_pubsub.settings import SettingsError
from emulators.web_pubsub.settings_watch import SettingsWatcher

KEY, OTHER = "k" * 32, "o" * 32


def content(**section: Any) -> bytes:
    return json.dumps({"WebPubSub": section}).encode()


def watch(tmp_path: Path, first: bytes, **environment: str) -> SettingsWatcher:
    path = tmp_path / "settings.json"
    path.write_bytes(first)
    return SettingsWatcher(path, environment)


def settle(watcher: SettingsWatcher, seen: bytes | SettingsError) -> bool:
    return [watcher.observe(seen), watcher.observe(seen)][1]


def test_the_first_settings_must_be_good(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        watch(tmp_path, b"{")
    with pytest.raises(SettingsError):
        SettingsWatcher(tmp_path / "missing.json", {})


def test_an_edit_is_taken_over_once_it_has_stopped_changing(tmp_path: Path) -> None:
    watcher = watch(tmp_path, content(AccessKey=KEY))
    edited = content(AccessKey=OTHER)
    assert not watcher.observe(edited[:10])
    assert not watcher.observe(edited)
    assert watcher.settings.access_key == KEY
    assert watcher.observe(edited)
    assert watcher.settings.access_key == OTHER
    assert not watcher.observe(edited)
    assert watcher.reloads == 1


def test_the_same_content_in_a_new_file_is_no_edit(tmp_path: Path) -> None:
    watcher = watch(tmp_path, content(AccessKey=KEY))
    assert not settle(watcher, content(AccessKey=KEY))
    assert watcher.reloads == 0


@pytest.mark.parametrize(
    "bad",
    [
        b"{",
        b"\xff",
        b"[]",
        content(AccessKey="short"),
        content(Hubs=5),
        SettingsError("cannot read"),
    ],
)
def test_a_bad_edit_keeps_the_last_good_settings_and_says_why_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: bytes | SettingsError
) -> None:
    watcher = watch(tmp_path, content(AccessKey=KEY))
    for _ in range(3):
        assert not settle(watcher, bad)
    assert watcher.settings.access_key == KEY
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert watcher.problem is not None
    assert watcher.problem in record.getMessage()


def test_a_mended_file_is_taken_over_even_if_it_is_the_first_one_again(tmp_path: Path) -> None:
    watcher = watch(tmp_path, content(AccessKey=KEY))
    settle(watcher, b"{")
    assert settle(watcher, content(AccessKey=KEY))
    assert watcher.problem is None


def test_the_environment_stays_on_top_of_an_edit(tmp_path: Path) -> None:
    watcher = watch(tmp_path, content(), WebPubSub__AccessKey=OTHER)
    assert settle(watcher, content(AccessKey=KEY))
    assert watcher.settings.access_key == OTHER

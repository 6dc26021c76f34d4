"""Cursors: what was given out is read back, and nothing else is taken for one."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.chat.cursors import cursor, room_at, seq_at
from shared_code.errors import ValidationFailed
from shared_code.ids import new_id


def encoded(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode()


@given(st.integers(1, 2**40))
def test_a_cursor_of_a_seq_is_read_back(seq: int) -> None:
    assert seq_at(cursor(seq)) == seq


def test_a_cursor_of_a_room_is_read_back() -> None:
    room_id = new_id("rm")
    assert room_at(cursor(room_id)) == room_id


def test_no_cursor_is_the_first_page() -> None:
    assert seq_at(None) is None
    assert room_at(None) == ""


HOSTILE = [
    "",
    "=",
    "====",
    "%%%",
    "ä",
    "\x00",
    "A",
    "AAAAA",
    encoded(""),
    encoded("-1"),
    encoded("+1"),
    encoded("1.0"),
    encoded("1e3"),
    encoded(" 1"),
    encoded("1\n"),
    encoded("٣"),
    encoded("99999999999999"),
    encoded("rm_' or 1 eq 1 or '"),
    encoded("rm_" + "u" * 26),
    encoded("rm_" + "0" * 27),
    encoded("usr_" + "0" * 26),
    "A" * 200,
]


@pytest.mark.parametrize("raw", HOSTILE)
def test_what_was_not_given_out_is_refused_by_name(raw: str) -> None:
    for read in (seq_at, room_at):
        with pytest.raises(ValidationFailed) as refused:
            read(raw)
        assert [each["field"] for each in refused.value.fields] == ["cursor"]


@pytest.mark.parametrize("raw", ["0", "00", "007"])
def test_a_seq_that_no_entry_has_is_refused_because_it_would_read_the_whole_log(raw: str) -> None:
    with pytest.raises(ValidationFailed):
        seq_at(encoded(raw))


@given(st.text(max_size=200))
def test_any_text_is_a_cursor_or_refused_and_never_another_error(raw: str) -> None:
    for read in (seq_at, room_at):
        with suppress(ValidationFailed):
            read(raw)


def test_a_cursor_of_one_kind_is_not_one_of_the_other() -> None:
    with pytest.raises(ValidationFailed):
        seq_at(cursor(new_id("rm")))
    with pytest.raises(ValidationFailed):
        room_at(cursor(7))

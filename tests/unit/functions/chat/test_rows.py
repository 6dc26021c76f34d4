"""Rows: what is written is what is read back, and keys that sort as the reads need it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.chat.models import Message
from functions.chat.store import rows
from functions.chat.store.head import Head
from functions.chat.store.rows import Segment
from tests.unit.functions.chat.building import (
    ROOM,
    empty_head,
    head_at,
    member,
    message,
    sent,
)

PROPERTY_LIMIT = 64 * 1024
ENTITY_LIMIT = 1024 * 1024
seqs = st.integers(1, 2**40 - 100)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co"]), min_size=1, max_size=300).map(
    lambda text: f"{text}."
)


def stored(row: dict[str, Any]) -> dict[str, Any]:
    """The row as a table gives it back: without order, numbers still wrapped."""
    return dict(sorted(row.items(), reverse=True))


def round_trip(segment: Segment) -> Segment:
    return rows.segment_from_row(stored(rows.segment_to_row(segment)))


@given(st.lists(texts, min_size=1, max_size=20), seqs)
def test_a_segment_is_read_back_as_it_was_written(said: list[str], first: int) -> None:
    entries = [message(first + n, text=text) for n, text in enumerate(said)]
    segment = Segment(ROOM, "cmt_1", entries)
    assert round_trip(segment) == segment
    assert segment.first_seq == first


def test_a_segment_beyond_one_property_is_cut_without_harm_to_any_character() -> None:
    entries = [message(n, text="🜁" * 3_999 + "ä") for n in range(1, 16)]
    row = rows.segment_to_row(Segment(ROOM, "cmt_1", entries))
    chunks = [value for value in row.values() if isinstance(value, bytes)]
    assert len(chunks) > 3
    assert max(map(len, chunks)) <= PROPERTY_LIMIT
    assert rows.segment_from_row(stored(row)).entries == entries


def test_an_entry_of_before_there_were_files_is_read_as_it_was_written() -> None:
    old = message(7)
    del old.data["files"]
    segment = round_trip(Segment(ROOM, "cmt_1", [old]))
    assert segment.entries == [old]
    assert Message.model_validate(segment.entries[0].data).files == []


def test_chunks_are_joined_in_order_also_when_there_are_ten_and_more() -> None:
    entries = [message(n, text="🜁" * 4_000) for n in range(1, 50)]
    row = rows.segment_to_row(Segment(ROOM, "cmt_1", entries))
    assert "entries11" in row
    assert rows.segment_from_row(stored(row)).entries == entries


def test_the_largest_commit_leaves_an_edit_room_in_its_entity() -> None:
    assert rows.MAX_SEGMENT_BYTES * 2 < ENTITY_LIMIT


@given(seqs, seqs)
def test_keys_of_segments_sort_newest_first(one: int, other: int) -> None:
    keys = rows.segment_key(one), rows.segment_key(other)
    assert (keys[0] < keys[1]) is (one > other)
    assert all(rows.FIRST_SEGMENT_KEY < key < rows.AFTER_SEGMENTS_KEY for key in keys)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.data())
def test_the_segment_of_a_seq_is_the_first_row_at_or_after_its_key(
    sizes: list[int], data: st.DataObject
) -> None:
    firsts = [1 + sum(sizes[:n]) for n in range(len(sizes))]
    wanted = data.draw(st.integers(1, sum(sizes)))
    keys = sorted(rows.segment_key(first) for first in firsts)
    found = next(key for key in keys if key >= rows.segment_key(wanted))
    holder = max(first for first in firsts if first <= wanted)
    assert found == rows.segment_key(holder)


def test_neither_head_nor_members_stand_among_the_segments() -> None:
    for key in (rows.HEAD_KEY, rows.member_key("usr_1")):
        assert not rows.FIRST_SEGMENT_KEY <= key < rows.AFTER_SEGMENTS_KEY


@pytest.mark.parametrize(
    "head", [empty_head(), sent(("ann", "c1")), head_at(2**40, kind="private")]
)
def test_a_head_is_read_back_as_it_was_written(head: Head) -> None:
    assert rows.head_from_row(stored(rows.head_to_row(head))) == head


@pytest.mark.parametrize("left", [True, False])
def test_a_member_is_read_back_as_it_was_written(left: bool) -> None:  # noqa: FBT001 - a parameter
    written = member("usr_1", "owner", left=left)
    assert rows.member_from_row(stored(rows.member_to_row(ROOM, written))) == written

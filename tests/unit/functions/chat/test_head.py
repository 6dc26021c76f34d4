"""The head of a room and its ring: which seq a slot belongs to, and what is forgotten when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.chat.store import head as head_module
from functions.chat.store.head import EMPTY_SLOT, RING_ENTRIES, SLOT_BYTES, Head, slot_of
from tests.unit.functions.chat.building import AT, empty_head, filler, head_at, message, sent

SMALL_RING = 8
batches = st.lists(st.integers(1, 6), max_size=12)


def grown(head: Head, sizes: list[int], capacity: int = SMALL_RING) -> Head:
    """The head after batches of these sizes; the message of seq n is `c<n>` by ann."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(head_module, "RING_ENTRIES", capacity)
        for size in sizes:
            seqs = range(head.last_seq + 1, head.last_seq + size + 1)
            entries = [message(seq, "ann", f"c{seq}") for seq in seqs]
            slots = [slot_of("ann", f"c{seq}") for seq in seqs]
            head = head.after(entries, slots, access_changed=False)
    return head


@given(batches)
def test_each_slot_of_the_ring_belongs_to_its_seq(sizes: list[int]) -> None:
    head = grown(empty_head(), sizes)
    for seq in range(head.ring_start + 1, head.last_seq + 1):
        assert head.seqs_of(slot_of("ann", f"c{seq}")) == [seq]


@given(batches)
def test_the_ring_holds_the_last_entries_up_to_its_capacity(sizes: list[int]) -> None:
    head = grown(empty_head(), sizes)
    assert head.last_seq == head.message_count == sum(sizes)
    assert head.last_seq - head.ring_start == min(sum(sizes), SMALL_RING)
    assert all(head.seqs_of(slot_of("ann", f"c{seq}")) == [] for seq in range(head.ring_start + 1))


@given(st.binary(min_size=SLOT_BYTES, max_size=60 * SLOT_BYTES), st.data())
def test_a_slot_is_found_where_it_stands_and_never_across_two_slots(
    ring: bytes, data: st.DataObject
) -> None:
    ring = ring[: len(ring) // SLOT_BYTES * SLOT_BYTES]
    at = data.draw(st.integers(0, len(ring) - SLOT_BYTES))
    wanted = ring[at : at + SLOT_BYTES]
    slots = [ring[place : place + SLOT_BYTES] for place in range(0, len(ring), SLOT_BYTES)]
    found = head_at(100, ring=ring).seqs_of(wanted)
    first = 100 - len(slots) + 1
    assert found == [first + n for n, slot in reversed(list(enumerate(slots))) if slot == wanted]


def test_bytes_that_match_across_two_slots_are_not_a_hit() -> None:
    ring = b"abcdef" + b"ghijkl"
    assert head_at(2, ring=ring).seqs_of(b"defghi") == []
    assert head_at(2, ring=b"aaaaaa" * 2).seqs_of(b"aaaaaa") == [2, 1]


def test_a_full_ring_fits_one_binary_property_of_a_table() -> None:
    head = empty_head()
    for _ in range(RING_ENTRIES // 100 + 1):
        seqs = range(head.last_seq + 1, head.last_seq + 101)
        head = head.after([message(seq) for seq in seqs], filler(100), access_changed=False)
    assert len(head.ring) == RING_ENTRIES * SLOT_BYTES <= 64 * 1024
    assert head.ring_start == head.last_seq - RING_ENTRIES


def test_a_client_id_is_its_author_s_own() -> None:
    head = sent(("ann", "c1"), ("bob", "c1"))
    assert head.seqs_of(slot_of("ann", "c1")) == [1]
    assert head.seqs_of(slot_of("bob", "c1")) == [2]
    assert head.seqs_of(slot_of("an", "nc1")) == []


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_send_hides_in_the_slot_of_entries_without_a_client_id(author: str, name: str) -> None:
    slot = slot_of(author, name)
    assert len(slot) == SLOT_BYTES
    assert slot != EMPTY_SLOT


def test_only_messages_are_counted_and_only_access_moves_the_access_seq() -> None:
    joined = message(3).model_copy(update={"type": "member.joined"})
    before = sent(("ann", "c1"), ("ann", "c2"))
    after = before.after([joined, message(4)], filler(2), access_changed=True)
    assert (after.last_seq, after.message_count, after.access_seq) == (4, 3, 4)
    assert before.after([message(3)], filler(1), access_changed=False).access_seq == 0


def test_a_head_never_changes_only_its_successor_differs() -> None:
    before = sent(("ann", "c1"))
    before.after([message(2)], filler(1), access_changed=True)
    assert (before.last_seq, before.access_seq) == (1, 0)


def test_the_room_that_members_see_follows_the_head() -> None:
    room = sent(("ann", "c1")).room()
    assert (room.name, room.kind, room.last_seq, room.message_count) == ("tea", "public", 1, 1)
    assert room.created_at == AT

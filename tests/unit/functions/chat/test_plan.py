"""The plan of a commit: each verdict, and what it rests on."""

import pytest

from functions.chat.errors import ClientIdReused, ClientIdTooOld, NotAMember, RoomIsPrivate
from functions.chat.policy import SEARCH_BEYOND_RING
from functions.chat.store import plan as plan_module
from functions.chat.store.head import EMPTY_SLOT, slot_of
from functions.chat.store.rows import MAX_SEGMENT_BYTES, encode
from shared_code.errors import ValidationFailed
from tests.unit.functions.chat.building import (
    AT,
    Members,
    empty_head,
    filler,
    head_at,
    join,
    leave,
    member,
    message,
    plan,
    send,
    sent,
)

ANN: Members = {"ann": member("ann")}
NOBODY: Members = {"ann": None}


def test_a_change_is_taken_and_its_entry_has_the_next_seq() -> None:
    first, second = send("ann", "c1"), send("ann", "c2")
    made = plan(head_at(7), ANN, first, second)
    assert made.taken == [(first, 0), (second, 1)]
    assert [entry.seq for entry in made.entries] == [8, 9]
    assert made.slots == [slot_of("ann", "c1"), slot_of("ann", "c2")]
    assert (made.next_head.last_seq, made.next_head.message_count) == (9, 2)
    assert made.segment.first_seq == 8
    assert all(entry.at == AT for entry in made.entries)


def test_two_plans_never_share_a_commit_id() -> None:
    assert plan(empty_head(), {}).commit_id != plan(empty_head(), {}).commit_id


def test_a_change_that_the_rules_forbid_is_refused_and_takes_no_seq() -> None:
    refused, taken = send("ann", "c1"), send("bob", "c1")
    made = plan(head_at(7), {"ann": None, "bob": member("bob")}, refused, taken)
    assert [(each, type(error)) for each, error in made.refused] == [(refused, NotAMember)]
    assert [entry.seq for entry in made.entries] == [8]


def test_one_who_has_left_is_not_a_member() -> None:
    made = plan(head_at(7), {"ann": member("ann", left=True)}, send("ann"))
    assert type(made.refused[0][1]) is NotAMember


def test_joining_where_one_is_and_leaving_what_one_has_left_are_done_already() -> None:
    joining, leaving = join("ann"), leave("bob")
    members: Members = {"ann": member("ann"), "bob": member("bob", left=True)}
    made = plan(head_at(7), members, joining, leaving)
    assert made.done == [joining, leaving]
    assert made.entries == []
    assert not made.stale


def test_a_change_of_membership_writes_its_row_and_moves_the_access_seq() -> None:
    made = plan(head_at(7), NOBODY, join("ann"))
    assert made.members["ann"].seq == made.next_head.access_seq == 8
    assert made.slots == [EMPTY_SLOT]
    assert plan(head_at(7), ANN, send("ann")).next_head.access_seq == 0


def test_a_private_room_is_not_joined() -> None:
    made = plan(head_at(7, kind="private"), NOBODY, join("ann"))
    assert type(made.refused[0][1]) is RoomIsPrivate


@pytest.mark.parametrize("waiting", [send("ann", "c1"), join("bob"), leave("ann")])
def test_what_commits_nothing_is_not_believed_of_a_cached_head(waiting: object) -> None:
    members: Members = {"ann": member("ann", left=True), "bob": member("bob")}
    assert plan(head_at(7), members, waiting, fresh=False).stale  # type: ignore[arg-type]  # any change
    assert not plan(head_at(7), members, waiting, fresh=True).stale  # type: ignore[arg-type]  # any change


def test_what_commits_needs_no_fresh_head_because_the_store_checks_its_etag() -> None:
    assert not plan(head_at(7), ANN, send("ann"), fresh=False).stale


def test_a_known_client_id_is_recalled_from_the_seq_that_the_ring_tells() -> None:
    repeat = send("ann", "c2")
    made = plan(sent(("ann", "c1"), ("ann", "c2"), ("ann", "c3")), ANN, repeat)
    assert made.to_recall == [(repeat, 2)]
    assert made.entries == []


def test_a_hit_that_proved_to_be_chance_is_not_recalled_again() -> None:
    head = empty_head().after(
        [message(1), message(2)], [slot_of("ann", "c1")] * 2, access_changed=False
    )
    waiting = send("ann", "c1")
    waiting.not_at.add(2)
    assert plan(head, ANN, waiting).to_recall == [(waiting, 1)]
    waiting.not_at.add(1)
    assert plan(head, ANN, waiting).taken == [(waiting, 0)]


def test_a_repeat_within_the_batch_gets_the_same_entry() -> None:
    first, repeat = send("ann", "c1"), send("ann", "c1")
    made = plan(empty_head(), ANN, first, repeat)
    assert made.taken == [(first, 0), (repeat, 0)]
    assert len(made.entries) == 1


def test_the_same_client_id_with_another_body_is_refused_within_the_batch() -> None:
    first, other = send("ann", "c1"), send("ann", "c1", "something else")
    made = plan(empty_head(), ANN, first, other)
    assert made.taken == [(first, 0)]
    assert [(each, type(error)) for each, error in made.refused] == [(other, ClientIdReused)]


def test_two_authors_may_use_one_client_id() -> None:
    made = plan(empty_head(), {**ANN, "bob": member("bob")}, send("ann", "c1"), send("bob", "c1"))
    assert len(made.entries) == 2


def test_what_the_ring_has_forgotten_is_searched_from_the_client_s_last_seq() -> None:
    head = head_at(100, ring=b"".join(filler(10)))
    waiting = send("ann", "c1", after_seq=40)
    assert plan(head, ANN, waiting).to_search == [(waiting, 40, 90)]
    waiting.searched_to = 85
    assert plan(head, ANN, waiting).to_search == [(waiting, 85, 90)]
    waiting.searched_to = 90
    assert plan(head, ANN, waiting).taken == [(waiting, 0)]


@pytest.mark.parametrize("after_seq", [None, 90, 99, 100])
def test_a_send_that_the_ring_covers_is_not_searched(after_seq: int | None) -> None:
    head = head_at(100, ring=b"".join(filler(10)))
    assert plan(head, ANN, send("ann", "c1", after_seq=after_seq)).to_search == []


def test_what_would_need_too_long_a_search_is_too_old_to_tell() -> None:
    head = head_at(SEARCH_BEYOND_RING + 5)
    at_bound, too_old = send("ann", "c1", after_seq=5), send("ann", "c2", after_seq=4)
    made = plan(head, ANN, at_bound, too_old)
    assert made.to_search == [(at_bound, 5, head.last_seq)]
    assert [(each, type(error)) for each, error in made.refused] == [(too_old, ClientIdTooOld)]


def test_a_client_id_made_here_is_new_however_old_the_client_s_last_seq() -> None:
    made = plan(head_at(SEARCH_BEYOND_RING * 3), ANN, send("ann", None, after_seq=0))
    assert len(made.taken) == 1


def test_a_client_that_knows_more_than_the_log_is_refused_unless_the_head_was_cached() -> None:
    made = plan(head_at(7), ANN, send("ann", "c1", after_seq=8))
    error = made.refused[0][1]
    assert isinstance(error, ValidationFailed)
    assert [(each["field"], each["code"]) for each in error.fields] == [
        ("after_seq", "ahead_of_log")
    ]
    assert plan(head_at(7), ANN, send("ann", "c1", after_seq=8), fresh=False).stale
    assert plan(head_at(7), ANN, send("ann", "c1", after_seq=7)).refused == []
    assert len(plan(head_at(7), ANN, send("ann", None, after_seq=8)).refused) == 1


def test_who_s_membership_the_batch_changes_waits_until_that_is_durable() -> None:
    joining, again, sending, leaving = join("ann"), join("ann"), send("ann"), leave("ann")
    made = plan(head_at(7), NOBODY, joining, again, sending, leaving)
    assert made.taken == [(joining, 0)]
    assert made.later == [again, sending, leaving]
    assert (made.done, made.refused) == ([], [])


def test_a_commit_takes_a_hundred_entries_and_the_rest_waits() -> None:
    batch = [send("ann", f"c{n}") for n in range(150)]
    made = plan(empty_head(), ANN, *batch)
    assert [each for each, _ in made.taken] == batch[: plan_module.MAX_ENTRIES]
    assert made.later == batch[plan_module.MAX_ENTRIES :]


def test_rows_of_members_and_the_commit_s_own_two_fit_a_transaction() -> None:
    users = [f"user{n}" for n in range(100)]
    made = plan(empty_head(), dict.fromkeys(users), *map(join, users))
    assert len(made.members) == len(made.taken) <= 98
    assert len(made.later) == 100 - len(made.taken)


def test_a_commit_is_no_larger_than_a_segment_may_be_and_smaller_ones_still_fit() -> None:
    big = [send("ann", f"c{n}", "🜁" * 4_000) for n in range(20)]
    small = send("ann", "small")
    made = plan(empty_head(), ANN, *big, small)
    assert len(encode(made.entries)) <= MAX_SEGMENT_BYTES
    assert 10 < len(made.taken) < 20
    assert small in [each for each, _ in made.taken]
    assert made.later


def test_the_largest_single_change_always_fits_so_nothing_waits_for_ever() -> None:
    largest = send("a" * 100, '"' * 128, "🜁" * 4_000)
    made = plan(empty_head(), {"a" * 100: member("a" * 100)}, largest)
    assert made.taken == [(largest, 0)]

"""The plan for messages that came through the queue: they may come again at any time, so names are kept."""

import pytest

from functions.chat.errors import ClientIdReused
from functions.chat.store.commit import MAX_OPERATIONS, _operations
from functions.chat.store.head import Head
from functions.chat.store.rows import name_key
from tests.unit.functions.chat.building import (
    Members,
    empty_head,
    filler,
    head_at,
    join,
    member,
    plan,
    request,
    send,
    sent,
)

ANN: Members = {"ann": member("ann")}
ANN_C1 = name_key("ann", "c1")


def a_long_room() -> Head:
    """A room of 100 entries whose ring begins after the 90th."""
    return head_at(100, ring=b"".join(filler(10)))


def test_a_request_is_taken_together_with_its_name() -> None:
    waiting = request("ann")
    made = plan(empty_head(), ANN, waiting)
    assert made.taken == [(waiting, 0)]
    assert made.names == {ANN_C1: 1}


@pytest.mark.parametrize("after_seq", [None, 95])
def test_what_is_sent_otherwise_keeps_no_name_and_has_none_read(after_seq: int | None) -> None:
    made = plan(a_long_room(), ANN, send("ann", "c1", after_seq=after_seq))
    assert (made.names, made.to_name) == ({}, [])
    assert len(made.taken) == 1


def test_where_the_ring_has_forgotten_the_name_is_read_before_a_request_is_taken() -> None:
    waiting = request("ann")
    made = plan(a_long_room(), ANN, waiting)
    assert made.to_name == [(waiting, ANN_C1)]
    assert made.entries == []


@pytest.mark.parametrize(("free_to", "taken"), [(89, False), (90, True), (100, True)])
def test_a_name_that_was_free_must_have_been_so_until_the_ring_begins(
    *, free_to: int, taken: bool
) -> None:
    waiting = request("ann")
    waiting.free_to = free_to
    made = plan(a_long_room(), ANN, waiting)
    assert bool(made.taken) is taken
    assert bool(made.to_name) is not taken


@pytest.mark.parametrize("head", [a_long_room(), empty_head()])
def test_after_a_lost_race_the_name_is_read_again_even_in_a_new_room(head: Head) -> None:
    waiting = request("ann")
    waiting.free_to = 100
    assert plan(head, ANN, waiting).taken
    waiting.lost_race()
    assert plan(head, ANN, waiting).to_name == [(waiting, ANN_C1)]


def test_what_the_ring_knows_is_recalled_without_reading_the_name() -> None:
    waiting = request("ann")
    waiting.lost_race()
    made = plan(sent(("ann", "c1"), ("ann", "c2")), ANN, waiting)
    assert made.to_recall == [(waiting, 1)]
    assert made.to_name == []


def test_a_request_that_shares_the_entry_of_an_ordinary_send_keeps_the_name_of_it() -> None:
    ordinary, asked, again = send("ann", "c1"), request("ann"), request("ann")
    made = plan(empty_head(), ANN, ordinary, asked, again)
    assert made.taken == [(ordinary, 0), (asked, 0), (again, 0)]
    assert made.names == {ANN_C1: 1}


def test_a_request_whose_name_is_not_known_to_be_free_shares_no_entry_of_the_batch() -> None:
    ordinary, asked = send("ann", "c1"), request("ann")
    made = plan(a_long_room(), ANN, ordinary, asked)
    assert made.taken == [(ordinary, 0)]
    assert made.to_name == [(asked, ANN_C1)]
    assert made.names == {}


def test_a_request_that_says_something_else_than_the_batch_is_refused_and_names_nothing() -> None:
    ordinary, other = send("ann", "c1"), request("ann", text="something else")
    made = plan(empty_head(), ANN, ordinary, other)
    assert [(each, type(error)) for each, error in made.refused] == [(other, ClientIdReused)]
    assert made.names == {}


def test_rows_of_members_and_names_together_fit_a_transaction() -> None:
    users = [f"user{n}" for n in range(60)]
    joins, asked = [join(each) for each in users], [request("ann", f"c{n}") for n in range(60)]
    made = plan(empty_head(), {**ANN, **dict.fromkeys(users)}, *joins, *asked)
    assert made.later
    assert len(made.taken) + len(made.later) == 120
    assert len(_operations(made, "etag")) <= MAX_OPERATIONS


def test_a_request_that_shares_an_entry_waits_when_its_name_would_exceed_the_transaction() -> None:
    ordinary, asked = send("ann", "c1"), [request("ann", f"d{n}") for n in range(90)]
    sharing = request("ann", "c1")
    made = plan(empty_head(), ANN, ordinary, *asked, sharing)
    assert made.later == [sharing]
    assert len(_operations(made, "etag")) <= MAX_OPERATIONS


def test_a_name_is_its_author_s_own_and_fits_a_key_whatever_the_client_id_holds() -> None:
    assert name_key("ann", "c1") != name_key("bob", "c1")
    assert len({name_key("ann", each) for each in ("/", "\\", "#", "?")}) == 4
    assert all(each not in name_key("ann", "/#?\\" * 32) for each in "/\\#?")

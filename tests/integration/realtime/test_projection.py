"""The projection on a real table: events late, twice and in any order end in the same state."""

import asyncio
import itertools

import pytest

from functions.realtime import store
from functions.realtime.models import Access
from shared_code.ids import new_id
from tests.integration.chat.rooms import user


def access(user_id: str, seq: int, *, allowed: bool, room_id: str = "rm_1") -> Access:
    return Access(user_id=user_id, place_id=room_id, seq=seq, allowed=allowed)


def history(user_id: str) -> list[Access]:
    """Joined, left, joined, left."""
    return [access(user_id, seq, allowed=seq % 2 == 0) for seq in (2, 5, 8, 11)]


async def test_access_follows_the_entries_of_the_log() -> None:
    ann = user()
    assert not await store.may_hear(ann, "rm_1")
    for each in history(ann):
        assert await store.keep(each)
        assert await store.may_hear(ann, "rm_1") is each.allowed


async def test_a_late_or_repeated_event_changes_nothing() -> None:
    ann = user()
    first, second, third, _ = history(ann)
    await store.keep(third)
    for late in (first, second, third):
        assert not await store.keep(late)
    assert await store.may_hear(ann, "rm_1")


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))])
async def test_every_order_of_events_ends_as_the_log_does(order: tuple[int, ...]) -> None:
    ann = user()
    for place in order:
        await store.keep(history(ann)[place])
    assert not await store.may_hear(ann, "rm_1")


async def test_events_that_come_at_once_end_as_the_log_does() -> None:
    ann = user()
    await asyncio.gather(*(store.keep(each) for each in history(ann) * 3))
    assert not await store.may_hear(ann, "rm_1")
    await asyncio.gather(
        *(store.keep(each) for each in [*history(ann), access(ann, 12, allowed=True)])
    )
    assert await store.may_hear(ann, "rm_1")


async def test_a_user_s_rooms_are_those_that_he_may_hear_and_nobody_else_s() -> None:
    ann, bob = user(), user()
    rooms = sorted(new_id("rm") for _ in range(3))
    for room_id in rooms:
        await store.keep(access(ann, 2, allowed=True, room_id=room_id))
    await store.keep(access(ann, 3, allowed=False, room_id=rooms[1]))
    await store.keep(access(bob, 2, allowed=True, room_id=rooms[1]))
    assert await store.places_of(ann) == [rooms[0], rooms[2]]
    assert await store.places_of(bob) == [rooms[1]]
    assert await store.places_of(user()) == []


async def test_the_dependencies_of_the_service_are_reached() -> None:
    await store.reach()

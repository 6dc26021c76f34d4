"""Groups of a real hub follow the projection, for connections that really listen."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from functions.realtime import commands, store
from functions.realtime.models import Access, RoomEntry
from shared_code import live
from shared_code.ids import new_id
from tests.integration.chat.rooms import actor, user
from tests.integration.realtime.conftest import Listener
from tests.integration.web_pubsub.harness import Emulator

type HubCall = Callable[[str, str], Awaitable[None]]


def access(user_id: str, room_id: str, seq: int, *, allowed: bool) -> Access:
    return Access(user_id=user_id, place_id=room_id, seq=seq, allowed=allowed)


def once(call: HubCall, meanwhile: Callable[[], Awaitable[object]]) -> HubCall:
    """The call of the hub, and what another process does at its first time before it is done."""
    done: list[bool] = []

    async def called(user_id: str, room_id: str) -> None:
        await call(user_id, room_id)
        if not done:
            done.append(True)
            await meanwhile()

    return called


async def test_a_negotiated_address_opens_the_hub_for_its_user_alone(hub: Emulator) -> None:
    ann = actor(user())
    connection = await commands.negotiate(ann)
    assert (connection.user_id, connection.hub) == (ann.user_id, "live")
    assert connection.url.startswith(hub.url.replace("http", "ws"))


async def test_who_joins_while_connected_hears_the_room_and_who_leaves_does_not(
    listener: Listener,
) -> None:
    ann, room_id = listener.user_id, new_id("rm")
    assert not await listener.hears(room_id)
    await commands.apply_access(access(ann, room_id, 3, allowed=True))
    assert await listener.hears(room_id)
    await commands.apply_access(access(ann, room_id, 4, allowed=False))
    assert not await listener.hears(room_id)
    await commands.apply_access(access(ann, room_id, 3, allowed=True))
    assert not await listener.hears(room_id)
    await commands.apply_access(access(ann, room_id, 5, allowed=True))
    await commands.apply_access(access(ann, room_id, 4, allowed=False))
    assert await listener.hears(room_id)


async def test_who_adds_undoes_it_when_access_went_away_meanwhile(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, room_id = listener.user_id, new_id("rm")

    async def leaves() -> None:
        await store.keep(access(ann, room_id, 4, allowed=False))

    monkeypatch.setattr(live, "let_hear", once(live.let_hear, leaves))
    await commands.apply_access(access(ann, room_id, 3, allowed=True))
    assert not await listener.hears(room_id)


async def test_who_removes_undoes_it_when_access_came_back_meanwhile(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, room_id = listener.user_id, new_id("rm")
    await commands.apply_access(access(ann, room_id, 3, allowed=True))

    async def joins() -> None:
        await store.keep(access(ann, room_id, 5, allowed=True))

    monkeypatch.setattr(live, "stop_hearing", once(live.stop_hearing, joins))
    await commands.apply_access(access(ann, room_id, 4, allowed=False))
    assert await listener.hears(room_id)


async def test_events_applied_at_once_end_as_the_log_does(listener: Listener) -> None:
    ann = listener.user_id
    for allowed_at_last in (True, False):
        room_id = new_id("rm")
        last = 9 if allowed_at_last else 8
        events = [access(ann, room_id, seq, allowed=seq % 2 == 1) for seq in range(3, last + 1)]
        await asyncio.gather(*(commands.apply_access(each) for each in events * 2))
        assert await listener.hears(room_id) is allowed_at_last


async def test_a_new_connection_hears_its_user_s_rooms_after_reconcile(listener: Listener) -> None:
    ann = listener.user_id
    mine, left = new_id("rm"), new_id("rm")
    await store.keep(access(ann, mine, 3, allowed=True))
    await store.keep(access(ann, left, 4, allowed=False))
    for _ in range(2):
        await commands.reconcile(ann, listener.connection_id)
        assert await listener.hears(mine)
        assert not await listener.hears(left)


async def test_reconciling_a_connection_that_has_gone_is_harmless(listener: Listener) -> None:
    ann, room_id = listener.user_id, new_id("rm")
    await store.keep(access(ann, room_id, 3, allowed=True))
    await listener.close()
    await commands.reconcile(ann, listener.connection_id)
    await commands.apply_access(access(ann, room_id, 4, allowed=False))


async def test_access_of_who_is_not_connected_is_kept_without_an_error(hub: Emulator) -> None:
    assert hub.url
    ann, room_id = user(), new_id("rm")
    await commands.apply_access(access(ann, room_id, 3, allowed=True))
    assert await store.places_of(ann) == [room_id]


async def test_who_has_left_is_out_of_the_room_before_its_frames_are_handed_on(
    listener: Listener,
) -> None:
    ann, room_id = listener.user_id, new_id("rm")
    await commands.apply_access(access(ann, room_id, 3, allowed=True))
    at = "2026-11-23T10:11:12.123Z"
    left = RoomEntry(type="member.left", room_id=room_id, seq=4, at=at, data={"user_id": ann})
    assert len(await commands.frames([left])) == 1
    assert not await listener.hears(room_id)

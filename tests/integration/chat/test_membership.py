"""Membership and rooms through the commands: repeats are harmless, and an end of access holds at once."""

import asyncio
from typing import Any

import pytest

from functions.chat import commands
from functions.chat.errors import (
    NotAMember,
    OwnerCannotLeave,
    RoomIsPrivate,
    RoomNotFound,
)
from functions.chat.models import LogEntry, NewMessage, NewRoom, Room
from functions.chat.store import read_member
from shared_code import live
from shared_code.actor import Actor
from shared_code.errors import IdempotencyKeyReused, ValidationFailed
from shared_code.ids import new_id
from tests.harness.waiting import until_async
from tests.integration.chat.rooms import Worker, a_room, actor, user, whole_log

TEA = NewRoom(name="tea", kind="public")


async def room_of(owner: Actor, **fields: Any) -> Room:
    return await commands.make_room(owner, TEA.model_copy(update=fields), None)


async def my_rooms(who: Actor) -> list[str]:
    return [each.id for each in await commands.rooms_page(who, "", 100)]


async def moves(room_id: str) -> list[tuple[str, str]]:
    log = await whole_log(room_id)
    return [(e.type, e.data["user_id"]) for e in log if e.type.startswith("member.")]


async def test_a_new_room_has_its_owner_in_it_and_tells_so() -> None:
    owner = actor(user())
    room = await room_of(owner)
    assert (room.name, room.kind, room.created_by) == ("tea", "public", owner.user_id)
    assert (room.last_seq, room.message_count) == (2, 0)
    assert [entry.type for entry in await whole_log(room.id)] == ["room.created", "member.joined"]
    assert await my_rooms(owner) == [room.id]


async def test_joining_and_leaving_again_changes_nothing_and_writes_nothing() -> None:
    owner, guest = actor(user()), actor(user())
    room = await room_of(owner)
    first = await commands.join_room(guest, room.id)
    assert (await commands.join_room(guest, room.id)).last_seq == first.last_seq
    await commands.leave_room(guest, room.id)
    await commands.leave_room(guest, room.id)
    assert await moves(room.id) == [
        ("member.joined", owner.user_id),
        ("member.joined", guest.user_id),
        ("member.left", guest.user_id),
    ]


async def test_joins_of_one_user_at_once_are_one_join_and_all_succeed() -> None:
    owner, guest = actor(user()), actor(user())
    room = await room_of(owner)
    await asyncio.gather(*(commands.join_room(guest, room.id) for _ in range(5)))
    assert await moves(room.id) == [
        ("member.joined", owner.user_id),
        ("member.joined", guest.user_id),
    ]
    await asyncio.gather(*(commands.leave_room(guest, room.id) for _ in range(5)))
    assert (await moves(room.id))[2:] == [("member.left", guest.user_id)]


async def test_who_has_left_may_come_back_and_reads_again() -> None:
    owner, guest = actor(user()), actor(user())
    room = await room_of(owner)
    await commands.join_room(guest, room.id)
    await commands.leave_room(guest, room.id)
    with pytest.raises(NotAMember):
        await commands.log_page(guest, room.id, 0, 10)
    await commands.join_room(guest, room.id)
    assert len(await commands.log_page(guest, room.id, 0, 10)) == 5


async def test_the_list_of_rooms_follows() -> None:
    owner, guest = actor(user()), actor(user())
    rooms = [await room_of(owner, name=f"tea {n}") for n in range(3)]
    for room in rooms:
        await commands.join_room(guest, room.id)
    ids = sorted(room.id for room in rooms)
    assert await my_rooms(guest) == await my_rooms(owner) == ids
    await commands.leave_room(guest, ids[1])
    assert await my_rooms(guest) == [ids[0], ids[2]]
    await commands.join_room(guest, ids[1])
    assert await my_rooms(guest) == ids


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_pages_of_the_list_meet_without_gap_or_overlap(limit: int) -> None:
    owner = actor(user())
    ids = sorted([(await room_of(owner)).id for _ in range(5)])
    found: list[str] = []
    while page := await commands.rooms_page(owner, found[-1] if found else "", limit):
        found += [each.id for each in page]
    assert found == ids


async def test_an_owner_cannot_leave_and_a_stranger_has_nothing_to_leave() -> None:
    owner = actor(user())
    room = await room_of(owner)
    with pytest.raises(OwnerCannotLeave):
        await commands.leave_room(owner, room.id)
    with pytest.raises(NotAMember):
        await commands.leave_room(actor(user()), room.id)
    assert await moves(room.id) == [("member.joined", owner.user_id)]


async def test_a_private_room_is_closed_to_those_outside() -> None:
    owner, stranger = actor(user()), actor(user())
    room = await room_of(owner, kind="private")
    with pytest.raises(RoomIsPrivate):
        await commands.join_room(stranger, room.id)
    with pytest.raises(NotAMember):
        await commands.messages_page(stranger, room.id, None, 10)
    with pytest.raises(NotAMember):
        await commands.send_message(stranger, room.id, NewMessage(text="hi"))
    assert len(await whole_log(room.id)) == 2


async def test_a_room_that_is_not_there_is_not_found_by_any_command() -> None:
    who, room_id = actor(user()), new_id("rm")
    for attempt in (
        commands.join_room(who, room_id),
        commands.leave_room(who, room_id),
        commands.send_message(who, room_id, NewMessage(text="hi")),
        commands.messages_page(who, room_id, None, 10),
        commands.log_page(who, room_id, 0, 10),
    ):
        with pytest.raises(RoomNotFound):
            await attempt


async def test_an_end_of_access_holds_at_once_though_another_worker_s_cache_says_member() -> None:
    owner, guest = user(), user()
    room_id = await a_room(owner)
    cached, other = Worker(), Worker()
    await cached.join(room_id, guest)
    await cached.send(room_id, guest, "c1")
    await other.leave(room_id, guest)
    with pytest.raises(NotAMember):
        await cached.send(room_id, guest, "c2")
    said = [e.data["client_id"] for e in await whole_log(room_id) if e.type == "message.sent"]
    assert said == ["c1"]


async def test_a_worker_whose_cache_says_stranger_lets_a_new_member_in_at_once() -> None:
    owner, guest = user(), user()
    room_id = await a_room(owner)
    cached, other = Worker(), Worker()
    with pytest.raises(NotAMember):
        await cached.send(room_id, guest, "c1")
    await other.join(room_id, guest)
    assert (await cached.send(room_id, guest, "c1")).seq == 4


async def test_a_worker_whose_cache_is_old_really_joins_and_really_leaves() -> None:
    owner, guest = user(), user()
    room_id = await a_room(owner)
    cached, other = Worker(), Worker()
    await cached.join(room_id, guest)
    await other.leave(room_id, guest)
    assert [each.entry is not None for each in await cached.join(room_id, guest)] == [True]
    await other.leave(room_id, guest)
    await other.join(room_id, guest)
    await cached.send(room_id, owner, "refreshes")
    await other.leave(room_id, guest)
    await cached.join(room_id, guest)
    assert (await cached.leave(room_id, guest)).entry
    member = await read_member(room_id, guest)
    assert member
    assert member.left


async def test_a_leave_and_a_join_at_once_end_as_the_log_says() -> None:
    owner, guest = user(), user()
    room_id = await a_room(owner)
    one, other = Worker(), Worker()
    await one.join(room_id, guest)
    await asyncio.gather(
        *(worker.leave(room_id, guest) for worker in (one, other)),
        *(worker.join(room_id, guest) for worker in (one, other)),
        return_exceptions=True,
    )
    last = [entry for entry in await whole_log(room_id) if entry.data.get("user_id") == guest][-1]
    member = await read_member(room_id, guest)
    assert member
    assert (member.seq, member.left) == (last.seq, last.type == "member.left")


async def test_a_key_makes_one_room_and_another_body_is_refused() -> None:
    owner, key = actor(user()), new_id("key")
    first = await commands.make_room(owner, TEA, key)
    await commands.send_message(owner, first.id, NewMessage(text="hi"))
    assert await commands.make_room(owner, TEA, key) == first
    with pytest.raises(IdempotencyKeyReused):
        await commands.make_room(owner, NewRoom(name="coffee", kind="public"), key)
    assert await my_rooms(owner) == [first.id]
    assert (await commands.make_room(actor(user()), TEA, key)).id != first.id


async def test_one_key_used_at_once_makes_one_room() -> None:
    owner, key = actor(user()), new_id("key")
    made = await asyncio.gather(*(commands.make_room(owner, TEA, key) for _ in range(5)))
    assert len({room.id for room in made}) == 1
    assert await my_rooms(owner) == [made[0].id]
    assert len(await whole_log(made[0].id)) == 2


async def test_a_reply_needs_a_message_of_this_room() -> None:
    owner = actor(user())
    room, elsewhere = await room_of(owner), await room_of(owner)
    first = await commands.send_message(owner, room.id, NewMessage(text="hi"))
    reply = NewMessage(text="ho", reply_to=first.id)
    assert (await commands.send_message(owner, room.id, reply)).reply_to == first.id
    for room_id, reply_to in ((elsewhere.id, first.id), (room.id, new_id("msg"))):
        with pytest.raises(ValidationFailed):
            await commands.send_message(owner, room_id, NewMessage(text="ho", reply_to=reply_to))


async def test_what_happens_is_told_once_and_a_repeat_tells_nothing(told: list[LogEntry]) -> None:
    owner, guest = actor(user()), actor(user())
    key = new_id("key")
    room = await commands.make_room(owner, TEA, key)
    for _ in range(2):
        await commands.join_room(guest, room.id)
    for _ in range(2):
        await commands.leave_room(guest, room.id)
    await commands.make_room(owner, TEA, key)
    log = await whole_log(room.id)
    assert len(log) == 4
    await until_async(lambda: _is(len(told) >= len(log)), "all is told")
    assert told == log


async def _is(condition: bool) -> bool:  # noqa: FBT001 - what is waited for
    return condition


async def test_a_bus_that_is_down_fails_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(_event: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(commands, "publish", hangs)
    owner, guest = actor(user()), actor(user())
    room = await room_of(owner)
    await commands.join_room(guest, room.id)
    await commands.send_message(guest, room.id, NewMessage(text="hi"))
    await commands.leave_room(guest, room.id)
    assert await my_rooms(guest) == []
    for task in list(commands._hints()._tasks.values()):
        task.cancel()


class Hub:
    """Who hears a room, as Web PubSub is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hearing: set[str] = set()
        monkeypatch.setattr(live, "let_hear", self.let_hear)
        monkeypatch.setattr(live, "stop_hearing", self.stop_hearing)

    async def let_hear(self, user_id: str, _room_id: str) -> None:
        self.hearing.add(user_id)

    async def stop_hearing(self, user_id: str, _room_id: str) -> None:
        self.hearing.discard(user_id)


async def test_who_hears_a_room_is_settled_before_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub, owner, guest = Hub(monkeypatch), actor(user()), actor(user())
    room = await room_of(owner)
    assert hub.hearing == {owner.user_id}
    await commands.join_room(guest, room.id)
    assert hub.hearing == {owner.user_id, guest.user_id}
    await commands.leave_room(guest, room.id)
    assert hub.hearing == {owner.user_id}


async def test_who_has_left_while_he_was_let_in_does_not_hear(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub, owner, guest = Hub(monkeypatch), actor(user()), actor(user())
    room = await room_of(owner)

    async def let_hear(user_id: str, room_id: str) -> None:
        await commands.leave_room(guest, room.id)
        await hub.let_hear(user_id, room_id)

    monkeypatch.setattr(live, "let_hear", let_hear)
    await commands.join_room(guest, room.id)
    assert hub.hearing == {owner.user_id}


async def test_web_pubsub_out_of_reach_fails_no_change_of_membership(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def unreachable(_user_id: str, _room_id: str) -> None:
        raise ConnectionError("no hub")

    for name in ("let_hear", "stop_hearing"):
        monkeypatch.setattr(live, name, unreachable)
    owner, guest = actor(user()), actor(user())
    room = await room_of(owner)
    await commands.join_room(guest, room.id)
    await commands.leave_room(guest, room.id)
    assert (await moves(room.id))[-1] == ("member.left", guest.user_id)

"""Rooms and workers for the tests of chat's store: each worker has caches of its own, as a process has."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from functions.chat import commands
from functions.chat.changes import JoinRoom, LeaveRoom, SendMessage
from functions.chat.models import LogEntry, Message, NewMessage, NewRoom, RoomKind
from functions.chat.store import (
    Accepted,
    RoomWriters,
    activity,
    create_room,
    read_log,
    read_messages,
)
from shared_code.actor import Actor
from shared_code.ids import new_id
from shared_code.outbox import Ledger


class Worker:
    """One process that writes rooms. `told` is what it has told the others."""

    def __init__(self) -> None:
        self.told: list[LogEntry] = []
        self.writers = RoomWriters(self.told.extend, Ledger(activity))

    async def submit(self, room_id: str, change: SendMessage | JoinRoom | LeaveRoom) -> Accepted:
        return await self.writers.submit(room_id, change)

    async def send(
        self,
        room_id: str,
        user_id: str,
        client_id: str | None = None,
        text: str = "hi",
        after_seq: int | None = None,
    ) -> Message:
        body = NewMessage(text=text, client_id=client_id, after_seq=after_seq)
        accepted = await self.submit(room_id, SendMessage(user_id, body))
        assert accepted.entry
        return Message.model_validate(accepted.entry.data)

    async def request(
        self, room_id: str, user_id: str, client_id: str, text: str = "hi"
    ) -> Message:
        """Post what came through the queue."""
        body = NewMessage(text=text, client_id=client_id)
        accepted = await self.submit(room_id, SendMessage(user_id, body, is_requested=True))
        assert accepted.entry
        return Message.model_validate(accepted.entry.data)

    async def join(self, room_id: str, *user_ids: str) -> list[Accepted]:
        joins = (self.submit(room_id, JoinRoom(each)) for each in user_ids)
        return list(await asyncio.gather(*joins))

    async def leave(self, room_id: str, user_id: str) -> Accepted:
        return await self.submit(room_id, LeaveRoom(user_id))


def user(name: str = "usr") -> str:
    """A user that no other test knows."""
    return new_id(name)


def actor(user_id: str) -> Actor:
    return Actor(user_id, new_id("ses"), datetime.now(UTC))


async def a_room(owner: str, kind: RoomKind = "public") -> str:
    """A room as make_room makes it, but without its hint and list."""
    room_id = new_id("rm")
    first = commands._first_commit(room_id, owner, NewRoom(name="tea", kind=kind))
    assert await create_room(*first)
    return room_id


async def whole_log(room_id: str, page: int = 7) -> list[LogEntry]:
    """The log from its start, by pages."""
    found: list[LogEntry] = []
    while got := await read_log(room_id, len(found), page):
        found.extend(got)
    return found


async def all_messages(room_id: str, page: int = 7) -> list[Message]:
    """The messages from the newest, by pages."""
    found: list[Message] = []
    while got := await read_messages(room_id, found[-1].seq if found else None, page):
        found.extend(got)
    return found


async def check_log(
    room_id: str, accepted: Iterable[Message], pages: Iterable[int] = (7, 31)
) -> None:
    """The log has no gap, and what was accepted stands in it once and as it was told, however it is read."""
    wanted = sorted(accepted, key=lambda each: each.seq)
    for page in pages:
        log = await whole_log(room_id, page)
        assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
        said = [Message.model_validate(e.data) for e in log if e.type == "message.sent"]
        assert said == wanted
        assert await all_messages(room_id, page) == said[::-1]
        named = Counter((each.author_id, each.client_id) for each in said)
        assert not named or max(named.values()) == 1

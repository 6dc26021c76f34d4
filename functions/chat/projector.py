"""What keeps up with rooms' logs from behind: the projector, and the walk over what was active.

A hint that has arrived is on the bus for everyone, so the projector notes its span as told, and repairs
users' lists from it. The walk tells the spans that nobody has told. Invariant: the cursor of a room covers
only entries whose hint the bus has had.
"""

import asyncio
from functools import cache

from functions.chat.events import RoomLogAppended, room_log_appended
from functions.chat.hints import in_parts
from functions.chat.models import LogEntry
from functions.chat.store import (
    activity,
    cursors,
    get_room,
    list_room,
    read_last_seq,
    read_log,
    read_member,
)
from shared_code.messaging import publish
from shared_code.outbox import Span, Walker

_PAGE = 200
_MEMBERSHIP = {"member.joined", "member.left"}


async def project(hint: RoomLogAppended) -> None:
    """Take note of a hint.

    Round trips: 2 for the cursor, shared with hints of the same room that come together; for each member
    whose place changed 1 read and 2 for his list, and 1 read of the head.
    A list that cannot be repaired keeps nothing from being noted: that the bus has had the span is true,
    and unsaid the walk would tell it again and again. The error is raised all the same, for a retry.
    """
    try:
        await _repair_lists(hint.room_id, hint.entries)
    finally:
        await cursors().advance(hint.room_id, (hint.first_seq, hint.last_seq))


async def _repair_lists(room_id: str, entries: list[LogEntry]) -> None:
    """Bring the lists of the members that the entries name to what their rows say now."""
    users = {each.data["user_id"] for each in entries if each.type in _MEMBERSHIP}
    if not users:
        return
    head = await get_room(room_id)
    for user_id in sorted(users):
        if member := await read_member(room_id, user_id):
            await list_room(head, member)


class RoomOutbox:
    """Rooms as the walk sees them."""

    async def behind(self, room_id: str) -> int | None:
        """The first seq that is not told, or None. Two round trips, side by side.

        Where the hole ends says nothing: in a busy room it grows, and would never be seen standing still.
        """
        missing = await self._missing(room_id)
        return missing[0][0] if missing else None

    async def tell(self, room_id: str) -> int:
        """Publish what is not told. Two round trips, a query for each 200 entries, and the events."""
        told = 0
        for first, last in await self._missing(room_id):
            for part in in_parts(await _entries(room_id, first, last)):
                await publish(room_log_appended(part))
                told += 1
        return told

    async def _missing(self, room_id: str) -> list[Span]:
        cursor, last_seq = await asyncio.gather(cursors().read(room_id), read_last_seq(room_id))
        return cursor.missing(last_seq)


async def _entries(room_id: str, first: int, last: int) -> list[LogEntry]:
    found: list[LogEntry] = []
    while (after := found[-1].seq if found else first - 1) < last:
        found.extend(await read_log(room_id, after, min(_PAGE, last - after)))
    return found


@cache
def walker() -> Walker:
    """The walker of chat's ledger, one per process."""
    return Walker(activity, RoomOutbox())

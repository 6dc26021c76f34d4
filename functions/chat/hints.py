"""Hints: telling the other services what a room's log has taken.

Invariants: hints of one room leave in the order of seq, one at a time; what gathers while one is on its
way leaves together; a hint carries entries that follow each other, at most what one message holds. The
log is what counts: a hint that cannot be sent fails nobody's message.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from functions.chat.events import RoomLogAppended, room_log_appended
from functions.chat.models import LogEntry
from shared_code.messaging import Event

MAX_HINT_BYTES = 40 * 1024
"""Entries in one hint: a message holds 48 KiB, the envelope included."""

_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.1
_log = logging.getLogger("atrium.chat.hints")

type Publish = Callable[[Event[RoomLogAppended]], Awaitable[None]]


@dataclass(frozen=True)
class _Told:
    """Entries to tell, and the future of those who wait for it."""

    entries: list[LogEntry]
    sent: asyncio.Future[bool]


class Hints:
    """Sends hints in the background, for each room in order."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._waiting: dict[str, list[_Told]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def announce(self, entries: list[LogEntry]) -> asyncio.Future[bool]:
        """Send these entries of one room as soon as those before them are sent.

        The future says whether they were; shield it when more than one may wait for it.
        """
        room_id = entries[0].room_id
        told = _Told(entries, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(room_id, []).append(told)
        if room_id not in self._tasks:
            self._tasks[room_id] = asyncio.create_task(self._send(room_id))
        return told.sent

    async def _send(self, room_id: str) -> None:
        try:
            while group := self._waiting.pop(room_id, None):
                entries = [entry for told in group for entry in told.entries]
                sent = [await self._try(part) for part in in_parts(entries)]
                for told in group:
                    if not told.sent.done():
                        told.sent.set_result(all(sent))
        finally:
            del self._tasks[room_id]

    async def _try(self, part: list[LogEntry]) -> bool:
        event = room_log_appended(part)
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                await self._publish(event)
            except Exception as error:  # noqa: BLE001 - any failure is one more try
                _log.warning("hint %s: attempt %d failed", event.id, attempt + 1, exc_info=error)
            else:
                return True
        _log.error("hint %s was not sent", event.id)
        return False


def in_parts(entries: list[LogEntry]) -> Iterator[list[LogEntry]]:
    """Cut entries into runs that each fit one hint.

    Where the log went on in another process between two commits of this one, a run ends too.
    """
    part: list[LogEntry] = []
    size = 0
    for entry in entries:
        length = len(entry.model_dump_json().encode()) + 1
        if part and (size + length > MAX_HINT_BYTES or entry.seq != part[-1].seq + 1):
            yield part
            part, size = [], 0
        part.append(entry)
        size += length
    if part:
        yield part

"""Hints: telling the other services what a room's log has taken.

Invariants: hints of one room leave in the order of seq, one at a time; what gathers while one is on its
way leaves together; a hint carries entries that follow each other, at most what one message holds. The
log is what counts: a hint that cannot be sent fails nobody's message, and the walk tells it later.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator

from functions.chat.events import RoomLogAppended, room_log_appended
from functions.chat.models import LogEntry
from shared_code.messaging import Event

MAX_HINT_BYTES = 64 * 1024
"""Entries in one hint (design); the largest event is larger by the envelope."""

_ATTEMPTS = 3
_FIRST_PAUSE_SECONDS = 0.1
_log = logging.getLogger("atrium.chat.hints")

type Publish = Callable[[Event[RoomLogAppended]], Awaitable[None]]


class Hints:
    """Sends hints in the background, for each room in order."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._waiting: dict[str, list[LogEntry]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def announce(self, entries: list[LogEntry]) -> None:
        """Send these entries of one room as soon as those before them are sent."""
        room_id = entries[0].room_id
        self._waiting.setdefault(room_id, []).extend(entries)
        if room_id not in self._tasks:
            self._tasks[room_id] = asyncio.create_task(self._send(room_id))

    async def _send(self, room_id: str) -> None:
        try:
            while entries := self._waiting.pop(room_id, None):
                for part in in_parts(entries):
                    await self._try(part)
        finally:
            del self._tasks[room_id]

    async def _try(self, part: list[LogEntry]) -> None:
        event = room_log_appended(part)
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                await self._publish(event)
            except Exception as error:  # noqa: BLE001 - any failure is one more try
                _log.warning("hint %s: attempt %d failed", event.id, attempt + 1, exc_info=error)
            else:
                return
        _log.warning("hint %s was not sent; the walk will tell it", event.id)


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

"""The order of a session while one of its messages fails: who is parked, and who waits behind.

A row for each session that waits: digests of the events' ids in their order, the first being the parked
one. It is ours and not Service Bus's own session state, because a Functions trigger in Python holds the
session's lock and gives no way to its state. Invariants: only the first may run; it leaves the row when it
is done, refused, or given up by a purge, and stays in it while it is tried again or lies in the dead
letters. A session without a row has nobody waiting. While the store is away the list holds out: as long as
a method has not returned, the session's lock is held, and nobody passes.
"""

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from azure.core import MatchConditions
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from shared_code.messaging.topology import Consumer
from shared_code.storage import find, table, unchanged

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient

_MOST_WAITING = 500
"""Events in one row, which holds 32 K characters of text. Those beyond wait too, but in no certain order."""

_DIGITS = 16
"""Of an event's digest: an id is anybody's and may be long; two of one session never meet."""

HOLD_SECONDS = 120.0
"""How long one delivery waits for the store: the host keeps locks, and bears a call, for five minutes."""

_STEP_SECONDS = 10.0  # of one try: left to itself the SDK would try for minutes on end
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 8.0
_log = logging.getLogger("atrium.messaging")


class Waiting:
    """The waiting list of one session of an ordered consumer, for one delivery.

    Each method: one or two round trips; a release none when `may_run` saw that nobody waits. When the store
    fails, each tries again until the delivery is HOLD_SECONDS old; then it raises what the store raises.
    Each can be repeated without harm.
    """

    def __init__(self, consumer: Consumer, session_id: str) -> None:
        if consumer.waits_in is None:
            raise ValueError(f"{consumer.queue} is not ordered")
        self._where = consumer.waits_in
        self._partition = consumer.queue
        # A session id may hold what a RowKey may not.
        self._row = hashlib.sha256(session_id.encode()).hexdigest()
        self._session_id = session_id
        self._nobody_waits = False
        self._until = time.monotonic() + HOLD_SECONDS

    async def may_run(self, event_id: str) -> bool:
        """Whether it is this event's turn; if not, it is in the list afterwards (when there is room)."""
        return await self._held(self._may_run, _digest(event_id))

    async def park(self, event_id: str) -> None:
        """Let the session wait for this event, which has failed and is the first of it."""
        await self._held(self._park, _digest(event_id))

    async def release(self, event_id: str) -> None:
        """The session need not wait for this event any more."""
        if not self._nobody_waits:
            await self._held(self._release, _digest(event_id))

    async def _held[T](self, step: Callable[[str], Awaitable[T]], event: str) -> T:
        """What the step gives, tried again with growing pauses while the store fails and there is time."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                async with asyncio.timeout(_STEP_SECONDS):
                    return await step(event)
            except Exception as error:
                if time.monotonic() + pause > self._until:
                    raise
                _log.warning("%s: its waiting list does not answer: %r", self._partition, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _may_run(self, event: str) -> bool:
        while True:
            row = await self._read()
            waiting = _events(row)
            self._nobody_waits = not waiting
            if not waiting or waiting[0] == event:
                return True
            if event in waiting or len(waiting) >= _MOST_WAITING:
                return False
            if await self._write([*waiting, event], row):
                return False

    async def _park(self, event: str) -> None:
        self._nobody_waits = False
        while True:
            row = await self._read()
            waiting = _events(row)
            if event in waiting or await self._write([event, *waiting], row):
                return

    async def _release(self, event: str) -> None:
        while True:
            row = await self._read()
            waiting = _events(row)
            if event not in waiting:
                return
            if await self._write([each for each in waiting if each != event], row):
                return

    def _table(self) -> "TableClient":
        return table(self._where.setting, self._where.name)

    async def _read(self) -> "TableEntity | None":
        return await find(self._table(), self._partition, self._row)

    async def _write(self, waiting: list[str], row: "TableEntity | None") -> bool:
        """Replace the list as it was read; False when it has changed since."""
        entity = {
            "PartitionKey": self._partition,
            "RowKey": self._row,
            "session": self._session_id,
            "waiting": json.dumps(waiting),
        }
        try:
            if row is None:
                await self._table().create_entity(entity)
            elif waiting:
                await self._table().update_entity(entity, **unchanged(row))
            else:
                await self._table().delete_entity(
                    row, etag=row.metadata["etag"], match_condition=MatchConditions.IfNotModified
                )
        except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            return False
        return True


def _digest(event_id: str) -> str:
    return hashlib.sha256(event_id.encode()).hexdigest()[:_DIGITS]


def _events(row: "TableEntity | None") -> list[str]:
    return [] if row is None else list(json.loads(row["waiting"]))

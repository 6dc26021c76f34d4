"""The order of a session while one of its messages fails: who is parked, and who waits behind.

A row for each session that waits: the ids of events in their order, the first being the parked one. It is
ours and not Service Bus's own session state, because a Functions trigger in Python holds the session's
lock and gives no way to its state. Invariants: only the first may run; it leaves the row when it is done,
refused, or given up by a purge, and stays in it while it is tried again or lies in the dead letters. A
session without a row has nobody waiting.
"""

import hashlib
import json
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
"""Ids in one row, which holds 32 K characters of text. Those beyond wait too, but in no certain order."""


class Waiting:
    """The waiting list of one session of an ordered consumer. Each method: one or two round trips."""

    def __init__(self, consumer: Consumer, session_id: str) -> None:
        if consumer.waits_in is None:
            raise ValueError(f"{consumer.queue} is not ordered")
        self._where = consumer.waits_in
        self._partition = consumer.queue
        # A session id may hold what a RowKey may not.
        self._row = hashlib.sha256(session_id.encode()).hexdigest()
        self._session_id = session_id

    async def may_run(self, event_id: str) -> bool:
        """Whether it is this event's turn; if not, it is in the list afterwards (when there is room)."""
        while True:
            row = await self._read()
            waiting = _ids(row)
            if not waiting or waiting[0] == event_id:
                return True
            if event_id in waiting or len(waiting) >= _MOST_WAITING:
                return False
            if await self._write([*waiting, event_id], row):
                return False

    async def park(self, event_id: str) -> None:
        """Let the session wait for this event, which has failed and is the first of it."""
        while True:
            row = await self._read()
            waiting = _ids(row)
            if event_id in waiting or await self._write([event_id, *waiting], row):
                return

    async def release(self, event_id: str) -> None:
        """The session need not wait for this event any more."""
        while True:
            row = await self._read()
            waiting = _ids(row)
            if event_id not in waiting:
                return
            if await self._write([each for each in waiting if each != event_id], row):
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


def _ids(row: "TableEntity | None") -> list[str]:
    return [] if row is None else list(json.loads(row["waiting"]))

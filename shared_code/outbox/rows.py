"""Outbox rows: for services whose aggregates have no log, events beside what they tell of.

A service adds the row to the transaction that makes the change, after it has marked the partition in its
ledger. Invariant: a row `out:…` is an event that may not have been told; it is deleted once the bus has
the event, so a partition without such rows is not behind.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError
from pydantic import ConfigDict

from shared_code.messaging.envelope import Event, EventData
from shared_code.messaging.publish import publish

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.core.async_paging import AsyncItemPaged
    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient

_FIRST, _END = "out:", "out;"
_MAX_BYTES = 64 * 1024  # of a text property, which the store keeps as UTF-16


class _Stored(EventData):
    """What an event carries, whatever it is: the row keeps it as its service wrote it."""

    model_config = ConfigDict(extra="allow")


class OutboxRows:
    """The outbox rows of a service, an `Outbox` for the walk; `table_of` gives a partition's table."""

    def __init__(self, table_of: "Callable[[str], TableClient]") -> None:
        self._table_of = table_of
        self._telling: set[asyncio.Task[int]] = set()

    @staticmethod
    def operation[Data: EventData](
        partition: str, event: Event[Data], session_id: str | None = None
    ) -> tuple[str, Any]:
        """What to add to the transaction that the event tells of. Ids of events sort by time.

        Sessions order by `session_id`, by default the event's subject. Raises ValueError for an event that
        is too large for a row.
        """
        text = event.model_dump_json()
        if (size := len(text.encode("utf-16-le"))) > _MAX_BYTES:
            raise ValueError(f"{event.type} of {size} bytes in UTF-16 does not fit a row")
        row = {"PartitionKey": partition, "RowKey": f"{_FIRST}{event.id}", "event": text}
        return "create", {**row, "session_id": session_id} if session_id else row

    def tell_soon(self, partition: str) -> None:
        """Tell in the background, after the commit; a failure is left to the walk."""
        task = asyncio.create_task(self.tell(partition))
        self._telling.add(task)
        task.add_done_callback(self._told)

    def _told(self, task: asyncio.Task[int]) -> None:
        self._telling.discard(task)
        if not task.cancelled():
            task.exception()

    async def behind(self, partition: str) -> str | None:
        """The first row that is there, or None. One query."""
        async for row in self._pending(partition, page=1):
            return str(row["RowKey"])
        return None

    async def tell(self, partition: str) -> int:
        """Publish the rows in their order and delete them. One query, and two round trips for each."""
        told = 0
        async for row in self._pending(partition, page=100):
            event: Event[_Stored] = Event[_Stored].model_validate_json(row["event"])
            await publish(event, row.get("session_id"))
            await self._delete(row)
            told += 1
        return told

    def _pending(self, partition: str, page: int) -> "AsyncItemPaged[TableEntity]":
        return self._table_of(partition).query_entities(
            "PartitionKey eq @partition and RowKey ge @first and RowKey lt @end",
            parameters={"partition": partition, "first": _FIRST, "end": _END},
            results_per_page=page,
        )

    async def _delete(self, row: "TableEntity") -> None:
        try:
            await self._table_of(row["PartitionKey"]).delete_entity(row)
        except ResourceNotFoundError:
            return  # another process told it at the same time

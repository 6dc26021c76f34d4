"""One partition of a table: whoever holds it reads and writes that partition, and cannot leave it.

Invariant: every query, row and transaction is confined to the key it was made with. Tables that hold a
workspace's data are reached this way only (a test of the house says so), so no query of a workspace's data
is without the workspace.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared_code.storage import find, table

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient

type Operation = tuple[Any, ...]
"""As the SDK's `submit_transaction` takes it: kind, entity, and how."""

MAX_OPERATIONS = 100
"""Of one transaction, by the store's rule."""


@dataclass(frozen=True)
class Partition:
    """The partition `key` of a table in the account that the setting connects to."""

    setting: str
    table: str
    key: str

    async def find(self, row_key: str) -> "TableEntity | None":
        """A row, or None. One round trip."""
        return await find(self._client(), self.key, row_key)

    def rows(
        self, first: str, end: str, page: int = 1000, select: Sequence[str] | None = None
    ) -> "AsyncIterator[TableEntity]":
        """The rows from `first` on and before `end`. One round trip for each page."""
        found: AsyncIterator[TableEntity] = self._client().query_entities(
            "PartitionKey eq @key and RowKey ge @first and RowKey lt @end",
            parameters={"key": self.key, "first": first, "end": end},
            results_per_page=min(page, 1000),
            select=list(select) if select else None,
        )
        return found

    async def submit(self, operations: Sequence[Operation]) -> None:
        """Write them together or not at all. One round trip. Raises TableTransactionError.

        Raises ValueError for a row of another partition, or for too many.
        """
        if len(operations) > MAX_OPERATIONS:
            raise ValueError(f"{len(operations)} operations are too many for one transaction")
        for _, entity, *_ in operations:
            if entity["PartitionKey"] != self.key:
                raise ValueError("a row of another partition")
        await self._client().submit_transaction(list(operations))

    async def erase(self, last: str = "") -> None:
        """Delete all rows, page by page, the row `last` after all others.

        A query for each 1,000, and a call for each 100.
        """
        pages = self._client().query_entities(
            "PartitionKey eq @key", parameters={"key": self.key}, select=["RowKey"]
        )
        async for page in pages.by_page():
            keys = [row["RowKey"] async for row in page]
            await self._delete([each for each in keys if each != last])
        if last:
            await self._client().delete_entity(self.key, last)

    async def _delete(self, row_keys: list[str]) -> None:
        for first in range(0, len(row_keys), MAX_OPERATIONS):
            keys = row_keys[first : first + MAX_OPERATIONS]
            rows = [{"PartitionKey": self.key, "RowKey": each} for each in keys]
            await self.submit([("delete", row) for row in rows])

    def _client(self) -> "TableClient":
        return table(self.setting, self.table)

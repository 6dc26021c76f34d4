"""The ledger's table in memory: of a TableClient what the walk needs, with a clock of its own."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableEntity

from shared_code.outbox.ledger import ledger_key


class Marks:
    """Rows by place; the store's time moves only when a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 27, 12, tzinfo=UTC)
        self._rows: dict[tuple[str, str], TableEntity] = {}
        self._etags = count(1)

    async def mark(self, *partitions: str, age: timedelta = timedelta()) -> None:
        """Marks that were written so long ago."""
        for each in partitions:
            key = ledger_key(each, (self.now - age).timestamp())
            await self.upsert_entity({"PartitionKey": key, "RowKey": each}, age)

    @property
    def names(self) -> list[str]:
        """The partitions that the ledger names, once for each mark."""
        return sorted(row for partition, row in self._rows if partition != "walk")

    @property
    def watermark(self) -> datetime:
        return datetime.fromisoformat(self._rows["walk", "watermark"]["at"])

    async def upsert_entity(self, entity: Mapping[str, Any], age: timedelta = timedelta()) -> None:
        row = TableEntity(entity)
        row._metadata = {"etag": str(next(self._etags)), "timestamp": self.now - age}
        self._rows[row["PartitionKey"], row["RowKey"]] = row

    async def get_entity(self, partition: str, row: str) -> TableEntity:
        if found := self._rows.get((partition, row)):
            return found
        raise ResourceNotFoundError("no such row")

    async def query_entities(
        self, _filter: str, *, parameters: Mapping[str, Any]
    ) -> AsyncIterator[TableEntity]:
        for (partition, _), row in sorted(self._rows.items()):
            if (
                parameters["slot"] <= partition < parameters["end"]
                and row.metadata["timestamp"] >= parameters["since"]
            ):
                yield row

    async def delete_entity(
        self, row: TableEntity, *, etag: str, match_condition: MatchConditions
    ) -> None:
        assert match_condition is MatchConditions.IfNotModified
        place = row["PartitionKey"], row["RowKey"]
        if place not in self._rows:
            raise ResourceNotFoundError("no such row")
        if self._rows[place].metadata["etag"] != etag:
            raise ResourceModifiedError("touched")
        del self._rows[place]

"""Records and changes: what was read of a partition, and what is to be written to it.

A partition holds one thing whole (a user, a workspace): its root row, and beside it rows of other kinds.
Invariants: every change holds the root as it was read, so that of two at once one has to look again; a
change that tells or ends something has an audit entry, by whose random id a transaction whose answer was
lost is recognised as ours.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from azure.core import MatchConditions

from functions.auth.models import Noted, Stored
from functions.auth.store.outboxes import ledger, outbox
from shared_code.ids import reversed_id
from shared_code.messaging import Event, EventData
from shared_code.outbox import OutboxRows
from shared_code.partition import Operation, Partition

_log = logging.getLogger("atrium.auth.audit")
_LOST_RACE = {404, 409, 412}


@dataclass
class Record(ABC):
    """What was read of a partition. `versions` are the store's, by RowKey."""

    key: str
    rows: dict[str, Stored] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    ROOT: ClassVar[str]

    @property
    @abstractmethod
    def partition(self) -> Partition:
        """Where it is kept."""

    def add(self, row: Any, kind: type[Stored]) -> None:
        """Take a row as the store gave it."""
        self.rows[row["RowKey"]] = kind.model_validate_json(row["value"])
        self.versions[row["RowKey"]] = row.metadata["etag"]


class Change:
    """What is to be written in one partition, together or not at all."""

    def __init__(self, record: Record, *, holds_root: bool = True) -> None:
        """A change of what was read. Without `holds_root` it holds only the rows that it names."""
        self._record = record
        self._holds_root = holds_root
        self._operations: dict[str, Operation] = {}
        self._entries: list[Noted] = []
        self._tells = False

    def put(self, row: Stored) -> None:
        """Write a row: a new one, or in the place of the one that was read."""
        entity = self._entity(row.row_key, value=row.model_dump_json())
        version = self._record.versions.get(row.row_key)
        if version is None:
            self._operations[row.row_key] = ("create", entity)
        else:
            self._operations[row.row_key] = ("update", entity, _unchanged(version, mode="replace"))

    def hold(self, row_key: str) -> None:
        """Write only if this row, too, is as it was read."""
        if row_key not in self._operations:
            version = self._record.versions[row_key]
            held = ("update", self._entity(row_key), _unchanged(version, mode="merge"))
            self._operations[row_key] = held

    def remove(self, rows: Iterable[Stored]) -> None:
        """Delete rows that were read, whatever they hold by now."""
        for row in rows:
            self._operations[row.row_key] = ("delete", self._entity(row.row_key))

    def note(self, entry: Noted) -> None:
        """Write an audit entry."""
        self._entries.append(entry)
        row_key = _audit_key(entry)
        self._operations[row_key] = (
            "create",
            self._entity(row_key, value=entry.model_dump_json()),
        )

    def tell[Data: EventData](self, event: Event[Data], session_id: str | None = None) -> None:
        """Publish an event once the change is durable."""
        self._tells = True
        operation = OutboxRows.operation(self._record.key, event, session_id)
        self._operations[operation[1]["RowKey"]] = operation

    def _entity(self, row_key: str, **columns: str) -> dict[str, str]:
        return {"PartitionKey": self._record.key, "RowKey": row_key, **columns}

    async def commit(self) -> bool:
        """Write it; False when somebody else was faster, and nothing was written.

        One round trip, and one more when it tells something and the partition has not been active in the
        last half minute. Raises what the store raises.
        """
        from azure.data.tables import TableTransactionError

        key = self._record.key
        if self._holds_root and self._record.ROOT in self._record.versions:
            self.hold(self._record.ROOT)
        if self._tells:
            await ledger().ensure(key)
        try:
            await self._record.partition.submit(list(self._operations.values()))
        except TableTransactionError as error:
            if error.status_code in _LOST_RACE:
                return await self._is_ours()
            raise
        for entry in self._entries:  # a copy in a system apart: ASVS 16.4.3
            _log.info("%s %s %s", key, entry.type, entry.session_id or "")
        if self._tells:
            outbox().tell_soon(key)
        return True

    async def _is_ours(self) -> bool:
        """Whether the SDK has repeated a transaction that had succeeded: our entry is there then."""
        if not self._entries:
            return False
        return await self._record.partition.find(_audit_key(self._entries[0])) is not None


def _audit_key(entry: Noted) -> str:
    return f"{entry.PREFIX}{reversed_id(entry.id)}"


def _unchanged(version: str, mode: str) -> dict[str, Any]:
    return {"mode": mode, "etag": version, "match_condition": MatchConditions.IfNotModified}


async def read_entries[Entry: Noted](
    kind: type[Entry], partition: Partition, after: str | None, limit: int
) -> list[Entry]:
    """Up to `limit` audit entries older than the id `after`, newest first. One query."""
    start = f"{kind.PREFIX}{reversed_id(after)}" if after else kind.PREFIX
    found: list[Entry] = []
    async for row in partition.rows(start, "a;", limit + 1):
        if row["RowKey"] > start:
            found.append(kind.model_validate_json(row["value"]))
        if len(found) == limit:
            break
    return found


async def erase(partition: Partition, root: str) -> None:
    """Delete everything in a partition, the root last. A query, and a call for each 100 rows."""
    keys = [row["RowKey"] async for row in partition.rows("", "~", select=["RowKey"])]
    keys.sort(key=lambda row_key: row_key == root)
    for first in range(0, len(keys), 100):
        await partition.submit(
            [
                ("delete", {"PartitionKey": partition.key, "RowKey": row_key})
                for row_key in keys[first : first + 100]
            ]
        )

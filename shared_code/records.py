"""Records and changes: what was read of a partition, and what is to be written to it.

A partition holds one thing whole, such as a user: its root row, and beside it rows of other kinds. A service
derives its rows from `Stored`, its partitions from `Record`, and its audit entries from `Noted`.
Invariants: a change holds the root as it was read, so that of two at once one has to look again; a
transaction whose answer was lost is recognised as ours, by the random id of an audit entry or, without one,
by that of the commit in the root, until that is written again.
"""

import asyncio
import logging
import random
import secrets
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from azure.core import MatchConditions
from pydantic import BaseModel, ConfigDict

from shared_code.clock import Timestamp
from shared_code.errors import Conflict
from shared_code.ids import reversed_id
from shared_code.messaging import Event, EventData
from shared_code.outbox import Ledger, OutboxRows
from shared_code.partition import Operation, Partition

_LOST_RACE = {404, 409, 412}
_COMMIT = "commit_id"
_MOST_TRIES = 12
_PAUSE_SECONDS = 0.02  # about what a change takes; it grows with each lost race


class Stored(BaseModel):
    """A row of a partition, as JSON in its column `value`."""

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    PREFIX: ClassVar[str]

    @property
    def row_key(self) -> str:
        """Where it stands in the partition."""
        return self.PREFIX


class Noted(BaseModel):
    """An entry of an audit log. `details` are words that its type explains, such as a session's id."""

    model_config = ConfigDict(frozen=True)

    PREFIX: ClassVar[str] = "a:"

    id: str
    at: Timestamp
    type: str
    session_id: str | None = None
    details: dict[str, str] = {}


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


@dataclass(frozen=True)
class Telling:
    """How a service tells what it has committed."""

    ledger: Ledger
    outbox: OutboxRows


class Change:
    """What is to be written in one partition, together or not at all."""

    AUDIT: ClassVar[logging.Logger] = logging.getLogger("atrium.audit")
    """Gets a line for each audit entry that was written. A service names its own."""

    def __init__(self, record: Record, telling: Telling, *, holds_root: bool = True) -> None:
        """A change of what was read. Without `holds_root` it holds only the rows that it names."""
        self._record = record
        self._telling = telling
        self._holds_root = holds_root
        self._operations: dict[str, Operation] = {}
        self._entries: list[Noted] = []
        self._tells = False
        self._commit_id = secrets.token_hex(8)
        self._puts_root = False

    def put(self, row: Stored) -> None:
        """Write a row: a new one, or in the place of the one that was read."""
        entity = self._entity(row.row_key, value=row.model_dump_json())
        if row.row_key == self._record.ROOT:
            self._puts_root = True
            entity[_COMMIT] = self._commit_id
        version = self._record.versions.get(row.row_key)
        if version is None:
            self._operations[row.row_key] = ("create", entity)
        else:
            self._operations[row.row_key] = ("update", entity, _unchanged(version, mode="replace"))

    def set(self, row_key: str, **columns: Any) -> None:
        """Write a row that is no Stored, whatever was there."""
        entity = self._entity(row_key, **columns)
        self._operations[row_key] = ("upsert", entity, {"mode": "replace"})

    def insert(self, row_key: str, **columns: Any) -> None:
        """Write a row that is no Stored, and must not be there."""
        self._operations[row_key] = ("create", self._entity(row_key, **columns))

    def hold(self, row_key: str) -> None:
        """Write only if this row, too, is as it was read."""
        if row_key not in self._operations:
            version = self._record.versions[row_key]
            held = ("update", self._entity(row_key), _unchanged(version, mode="merge"))
            self._operations[row_key] = held

    def remove(self, rows: Iterable[Stored]) -> None:
        """Delete rows that were read, whatever they hold by now."""
        self.drop(*(row.row_key for row in rows))

    def drop(self, *row_keys: str) -> None:
        """Delete rows, whatever they hold. Where one is not there, nothing is written."""
        for row_key in row_keys:
            self._operations[row_key] = ("delete", self._entity(row_key))

    def note(self, entry: Noted) -> None:
        """Write an audit entry."""
        self._entries.append(entry)
        row_key = entry_row(entry.id)
        entity = self._entity(row_key, value=entry.model_dump_json())
        self._operations[row_key] = ("create", entity)

    def tell[Data: EventData](self, event: Event[Data], session_id: str | None = None) -> None:
        """Publish an event once the change is durable."""
        self._tells = True
        operation = OutboxRows.operation(self._record.key, event, session_id)
        self._operations[operation[1]["RowKey"]] = operation

    def _entity(self, row_key: str, **columns: Any) -> dict[str, Any]:
        return {"PartitionKey": self._record.key, "RowKey": row_key, **columns}

    async def commit(self) -> bool:
        """Write it; False when somebody else was faster, and nothing was written.

        One round trip, and one more when it tells something and the partition has not been active in the
        last half minute. Raises what the store raises.
        """
        from azure.data.tables import TableTransactionError

        key = self._record.key
        if self._holds_root and self._record.ROOT in self._record.versions:
            self._hold_root()
        if self._tells:
            await self._telling.ledger.ensure(key)
        try:
            await self._record.partition.submit(list(self._operations.values()))
        except TableTransactionError as error:
            if error.status_code not in _LOST_RACE:
                raise
            if not await self._is_ours():
                return False
        for entry in self._entries:  # a copy in a system apart: ASVS 16.4.3
            self.AUDIT.info("%s %s %s", key, entry.type, entry.session_id or "")
        if self._tells:
            self._telling.outbox.tell_soon(key)
        return True

    def _hold_root(self) -> None:
        """Hold the root, and leave our id in it."""
        if self._puts_root:
            return
        self.hold(self._record.ROOT)
        _, entity, *_ = self._operations[self._record.ROOT]
        entity[_COMMIT] = self._commit_id
        self._puts_root = True

    async def _is_ours(self) -> bool:
        """Whether the SDK has repeated a transaction that had succeeded.

        Our entry is there then, for good. The root has our id only until it is written again: without an
        entry, what was overtaken so soon counts as lost.
        """
        find = self._record.partition.find
        if self._entries:
            return await find(entry_row(self._entries[0].id)) is not None
        root = await find(self._record.ROOT) if self._puts_root else None
        return root is not None and root.get(_COMMIT) == self._commit_id


async def retried[Read: Record, Result](
    read: Callable[[], Awaitable[Read]],
    attempt: Callable[[Read], Awaitable[Result | None]],
    record: Read | None = None,
) -> Result:
    """What the attempt gives; it gives None when its change lost a race, and is made again then.

    A read for each attempt, the first one excepted when its record is at hand. Raises Conflict when what it
    changes changes all the time.
    """
    for lost in range(_MOST_TRIES):
        if lost:
            await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS * lost))  # noqa: S311 - no secret
        record = record or await read()
        if (result := await attempt(record)) is not None:
            return result
        record = None
    raise Conflict


def entry_row(entry_id: str) -> str:
    """The row of a log's entry: the newest is first."""
    return f"{Noted.PREFIX}{reversed_id(entry_id)}"


def _unchanged(version: str, mode: str) -> dict[str, Any]:
    return {"mode": mode, "etag": version, "match_condition": MatchConditions.IfNotModified}


async def read_entries[Entry: BaseModel](
    kind: type[Entry], partition: Partition, after: str | None, limit: int
) -> list[Entry]:
    """Up to `limit` audit entries older than the id `after`, newest first. One query."""
    start = entry_row(after) if after else Noted.PREFIX
    found: list[Entry] = []
    async for row in partition.rows(start, "a;", limit + 1):
        if row["RowKey"] > start:
            found.append(kind.model_validate_json(row["value"]))
        if len(found) == limit:
            break
    return found

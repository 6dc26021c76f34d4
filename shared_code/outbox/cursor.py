"""The cursor of a partition: up to which seq its log has been told.

A row beside the log, `cursor`, holds `seq` (all up to it are told) and `ahead`, the spans beyond it that
were told out of turn; when the hole before them is filled they join. Invariants: a cursor only grows; in
a process one write of a partition's cursor is under way at a time, and what comes meanwhile joins the
next one; between processes the row's ETag decides.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceExistsError, ResourceModifiedError

from shared_code.faults import fault_point
from shared_code.storage import find, int64, number, unchanged

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient

CURSOR_KEY = "cursor"

_MOST_AHEAD = 200
"""Spans kept ahead of a hole. Beyond it the latest are forgotten, and told again."""

type Span = tuple[int, int]
"""The first and the last seq of entries that follow each other."""


@dataclass(frozen=True)
class Cursor:
    """How far a partition has been told."""

    seq: int = 0
    ahead: tuple[Span, ...] = ()

    def told(self, spans: list[Span]) -> "Cursor":
        """The cursor once these spans are told as well."""
        seq, ahead = self.seq, list[Span]()
        for first, last in sorted([*self.ahead, *spans]):
            if first <= seq + 1:
                seq = max(seq, last)
            elif ahead and first <= ahead[-1][1] + 1:
                ahead[-1] = (ahead[-1][0], max(ahead[-1][1], last))
            else:
                ahead.append((first, last))
        return Cursor(seq, tuple(ahead[:_MOST_AHEAD]))

    def missing(self, last_seq: int) -> list[Span]:
        """The spans up to `last_seq` that are not told, in order."""
        holes: list[Span] = []
        at = self.seq + 1
        for first, last in [*self.ahead, (last_seq + 1, last_seq + 1)]:
            if at < first and at <= last_seq:
                holes.append((at, min(first - 1, last_seq)))
            at = max(at, last + 1)
        return holes


class Cursors:
    """Moves the cursors of one table's partitions."""

    def __init__(self, rows: Callable[[], "TableClient"]) -> None:
        self._rows = rows
        self._waiting: dict[str, list[tuple[Span, asyncio.Future[None]]]] = {}
        self._tasks: OrderedDict[str, asyncio.Task[None]] = OrderedDict()

    async def read(self, partition: str) -> Cursor:
        """Where the partition stands. One round trip."""
        return _cursor(await find(self._rows(), partition, CURSOR_KEY))

    async def advance(self, partition: str, span: Span) -> None:
        """Note that the span is told. Two round trips, shared with all that wait for the same cursor."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(partition, []).append((span, done))
        if partition not in self._tasks:
            self._tasks[partition] = asyncio.create_task(self._run(partition))
        await done

    async def _run(self, partition: str) -> None:
        try:
            while group := self._waiting.pop(partition, None):
                try:
                    await self._move(partition, [span for span, _ in group])
                except Exception as error:  # noqa: BLE001 - those who wait must hear it
                    _fail([done for _, done in group], error)
                else:
                    _settle([done for _, done in group])
        finally:
            del self._tasks[partition]

    async def _move(self, partition: str, spans: list[Span]) -> None:
        while True:
            row = await find(self._rows(), partition, CURSOR_KEY)
            before = _cursor(row)
            after = before.told(spans)
            if after == before:
                return
            fault_point("projector.before_cursor")
            try:
                if row is None:
                    await self._rows().create_entity(_entity(partition, after))
                else:
                    await self._rows().update_entity(_entity(partition, after), **unchanged(row))
            except (ResourceExistsError, ResourceModifiedError):
                continue
            fault_point("projector.after_cursor")
            return


def _cursor(row: "TableEntity | None") -> Cursor:
    if row is None:
        return Cursor()
    ahead = tuple((int(first), int(last)) for first, last in json.loads(row["ahead"]))
    return Cursor(number(row["seq"]), ahead)


def _entity(partition: str, cursor: Cursor) -> dict[str, Any]:
    return {
        "PartitionKey": partition,
        "RowKey": CURSOR_KEY,
        "seq": int64(cursor.seq),
        "ahead": json.dumps(cursor.ahead),
    }


def _settle(waiting: list[asyncio.Future[None]]) -> None:
    for each in waiting:
        if not each.done():
            each.set_result(None)


def _fail(waiting: list[asyncio.Future[None]], error: Exception) -> None:
    for each in waiting:
        if not each.done():
            each.set_exception(error)

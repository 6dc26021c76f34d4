"""The walk: on a timer, tell what was committed and never told.

It looks at every mark since the watermark, by the store's own time stamps, and at the last ten minutes in
any case. Invariants: a mark is deleted only when it is older than ten minutes and its partition, looked
at after that, is not behind; the watermark never passes a mark that is still there; when and what to tell
is telling.py's; a walk ends in time whatever hangs, and who had no turn is first in the next.
So a lost hint costs two walks, a duplicate costs nothing, and the walk reads the ledger's youngest part.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from shared_code.clock import rfc3339, utcnow
from shared_code.faults import fault_point
from shared_code.outbox.ledger import SLOT_SECONDS
from shared_code.outbox.telling import Outbox, Teller
from shared_code.storage import find

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient

KEEP = timedelta(minutes=10)
"""How old a mark must be before it is deleted (design)."""

_SETTLED = timedelta(minutes=1)
"""No commit can start under a mark so old (30 s), nor be under way: who is told by then stays so."""

_CLOCK_ERROR = timedelta(days=1)
"""How wrong a writer's clock may be: it chooses the slot, the store's clock the time stamp."""

TOGETHER = 16
"""Partitions looked at side by side."""

LOOK_SECONDS = 20.0
"""How long a walk may look and tell: what the timer starts meanwhile does nothing."""

_WALK, _WATERMARK = "walk", "watermark"
_log = logging.getLogger("atrium.outbox")

type Place = tuple[str, str]
"""The PartitionKey of a mark, and its RowKey: the partition that it names."""

type Marks = dict[Place, "TableEntity"]


@dataclass
class Walked:
    """What a walk has found and done."""

    marks: int = 0
    behind: int = 0
    told: int = 0
    deleted: int = 0
    left: int = 0
    """Partitions that had no turn; the next walk looks at them first."""


class Walker:
    """Walks one service's ledger."""

    def __init__(self, rows: Callable[[], "TableClient"], outbox: Outbox) -> None:
        self._rows = rows
        self._outbox = outbox
        self._teller = Teller(outbox)
        self._under_way = asyncio.Lock()
        self._first: set[str] = set()
        self._settled: dict[Place, str] = {}

    async def walk(self) -> Walked:
        """Walk once; does nothing while a walk of this process is under way.

        Round trips: 3 for the watermark, a query, and for each partition that was active in the last
        minute, or is about to be forgotten, what `behind` costs. What fails for one partition is logged
        and left to the next walk, and so is what has not ended after LOOK_SECONDS.
        """
        walked = Walked()
        if not self._under_way.locked():
            async with self._under_way:
                await self._walk(walked)
        return walked

    async def _walk(self, walked: Walked) -> None:
        now, watermark = await self._begin()
        there = {_place(mark): mark for mark in await self._marks(min(watermark, now - KEEP))}
        walked.marks = len(there)
        self._remember_only(there)
        await self._look_at_all(now, there, walked)
        await self._rows().upsert_entity(_watermark(min([now, *map(_stamp, there.values())])))

    def _remember_only(self, there: Marks) -> None:
        """Forget what no mark names any more."""
        self._settled = {place: etag for place, etag in self._settled.items() if place in there}
        self._teller.keep_only({partition for _, partition in there})

    async def _begin(self) -> tuple[datetime, datetime]:
        """The store's time, and the watermark."""
        rows = self._rows()
        await rows.upsert_entity({"PartitionKey": _WALK, "RowKey": "now"})
        now = await find(rows, _WALK, "now")
        row = await find(rows, _WALK, _WATERMARK)
        moment = _stamp(now) if now else utcnow()
        return moment, datetime.fromisoformat(row["at"]) if row else datetime(
            2000, 1, 1, tzinfo=UTC
        )

    async def _marks(self, since: datetime) -> list["TableEntity"]:
        """The marks since then, oldest slots first."""
        slot = max(int((since - _CLOCK_ERROR).timestamp()), 0) // SLOT_SECONDS
        found = self._rows().query_entities(
            "PartitionKey ge @slot and PartitionKey lt @end and Timestamp ge @since",
            parameters={"slot": f"{slot:010d}", "end": _WALK, "since": since},
        )
        return [row async for row in found]

    async def _look_at_all(self, now: datetime, there: Marks, walked: Walked) -> None:
        """Look at every partition that needs it, and take from `there` the marks that are deleted."""
        needing = self._in_turn(now, there)
        turns = iter(needing)

        async def look_on() -> None:
            for marks in turns:
                await self._look_safely(marks, now, there, walked)

        self._teller.begin()
        try:
            async with asyncio.timeout(LOOK_SECONDS), asyncio.TaskGroup() as group:
                for _ in range(TOGETHER):
                    group.create_task(look_on())
        except TimeoutError:
            _log.warning("outbox: a walk over %d partitions was cut off in time", len(needing))
        self._first = {str(marks[0]["RowKey"]) for marks in turns}
        walked.left = len(self._first)

    def _in_turn(self, now: datetime, there: Marks) -> list[list["TableEntity"]]:
        """The marks of each partition that must be looked at; first who had no turn at the last walk."""
        marks: dict[str, list[TableEntity]] = {}
        for place, mark in there.items():
            if now - _stamp(mark) >= KEEP or self._settled.get(place) != _etag(mark):
                marks.setdefault(place[1], []).append(mark)
        return [marks[each] for each in sorted(marks, key=lambda each: each not in self._first)]

    async def _look_safely(
        self, marks: list["TableEntity"], now: datetime, there: Marks, walked: Walked
    ) -> None:
        try:
            await self._look(marks, now, there, walked)
        except Exception as error:  # noqa: BLE001 - one partition's trouble must not stop the others
            _log.warning("outbox: %s waits for the next walk", marks[0]["RowKey"], exc_info=error)

    async def _look(
        self, marks: list["TableEntity"], now: datetime, there: Marks, walked: Walked
    ) -> None:
        """Look at the partition of these marks, and do what it needs."""
        partition = str(marks[0]["RowKey"])
        behind = await self._outbox.behind(partition)
        if behind is not None:
            walked.behind += 1
            told = await self._teller.stands(partition, behind)
            walked.told += told  # read after the wait: others count meanwhile
            return
        self._teller.forget(partition)
        for mark in marks:
            age = now - _stamp(mark)
            if age >= KEEP:
                await self._delete(mark, there, walked)
            elif age >= _SETTLED:
                self._settled[_place(mark)] = _etag(mark)

    async def _delete(self, mark: "TableEntity", there: Marks, walked: Walked) -> None:
        """Delete the mark unless somebody has touched it since it was read."""
        fault_point("walker.before_delete")
        try:
            await self._rows().delete_entity(
                mark, etag=_etag(mark), match_condition=MatchConditions.IfNotModified
            )
        except ResourceModifiedError:
            return
        except ResourceNotFoundError:
            pass  # another worker's walk was faster
        else:
            walked.deleted += 1
        del there[_place(mark)]


def _etag(mark: "TableEntity") -> str:
    return str(mark.metadata["etag"])


def _place(mark: "TableEntity") -> Place:
    return mark["PartitionKey"], mark["RowKey"]


def _stamp(row: "TableEntity") -> datetime:
    """The store's own time of the row's last write."""
    stamp = row.metadata["timestamp"]
    if stamp is None:
        raise ValueError("the store gave a row without its time stamp")
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)


def _watermark(at: datetime) -> dict[str, str]:
    return {"PartitionKey": _WALK, "RowKey": _WATERMARK, "at": rfc3339(at)}

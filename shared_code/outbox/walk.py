"""The walk: on a timer, tell what was committed and never told.

It looks at every mark since the watermark, by the store's own time stamps, and at the last ten minutes in
any case. Invariants: a mark is deleted only when it is older than ten minutes and its partition, looked
at after that, is not behind; the watermark never passes a mark that is still there; a partition is told
only when it stood behind in the same place at the walk before, because what is on its way needs no help.
So a lost hint costs two walks, a duplicate costs nothing, and the walk reads the ledger's youngest part.
"""

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from shared_code.clock import rfc3339, utcnow
from shared_code.faults import fault_point
from shared_code.outbox.ledger import SLOT_SECONDS
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

_WALK, _WATERMARK = "walk", "watermark"
_log = logging.getLogger("atrium.outbox")


class Outbox(Protocol):
    """What a service gives the walk: where a partition stands behind, and telling it."""

    async def behind(self, partition: str) -> Hashable:
        """Where it stands behind (equal as long as nothing moves), or None when all is told."""

    async def tell(self, partition: str) -> int:
        """Publish what is not told; how many events that were."""


@dataclass
class Walked:
    """What a walk has found and done."""

    marks: int = 0
    behind: int = 0
    told: int = 0
    deleted: int = 0


class Walker:
    """Walks one service's ledger."""

    def __init__(self, rows: Callable[[], "TableClient"], outbox: Outbox) -> None:
        self._rows = rows
        self._outbox = outbox
        self._stuck: dict[str, Hashable] = {}
        self._settled: dict[tuple[str, str], str] = {}

    async def walk(self) -> Walked:
        """Walk once.

        Round trips: 3 for the watermark, a query, and for each partition that was active in the last
        minute, or is about to be forgotten, what `behind` costs. What fails for one partition is logged
        and left to the next walk.
        """
        walked = Walked()
        now, watermark = await self._begin()
        oldest = now
        seen: set[tuple[str, str]] = set()
        for mark in await self._marks(min(watermark, now - KEEP)):
            walked.marks += 1
            seen.add(_place(mark))
            if not await self._is_deleted(mark, now, walked):
                oldest = min(oldest, _stamp(mark))
        self._settled = {place: etag for place, etag in self._settled.items() if place in seen}
        self._stuck = {each: at for each, at in self._stuck.items() if each in {p for _, p in seen}}
        await self._rows().upsert_entity(_watermark(oldest))
        return walked

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

    async def _is_deleted(self, mark: "TableEntity", now: datetime, walked: Walked) -> bool:
        """Look at one mark and do what it needs; True when it is gone."""
        try:
            return await self._look(mark, now - _stamp(mark), walked)
        except Exception as error:  # noqa: BLE001 - one partition's trouble must not stop the others
            _log.warning("outbox: %s is left to the next walk", mark["RowKey"], exc_info=error)
            return False

    async def _look(self, mark: "TableEntity", age: timedelta, walked: Walked) -> bool:
        etag = str(mark.metadata["etag"])
        if age < KEEP and self._settled.get(_place(mark)) == etag:
            return False
        behind = await self._outbox.behind(mark["RowKey"])
        if behind is not None:
            walked.behind += 1
            await self._tell_if_stuck(mark["RowKey"], behind, walked)
            return False
        self._stuck.pop(mark["RowKey"], None)
        if age >= _SETTLED:
            self._settled[_place(mark)] = etag
        return age >= KEEP and await self._delete(mark, walked)

    async def _tell_if_stuck(self, partition: str, behind: Hashable, walked: Walked) -> None:
        if self._stuck.get(partition) != behind:
            self._stuck[partition] = behind
            return
        fault_point("walker.before_tell")
        told = await self._outbox.tell(partition)
        fault_point("walker.after_tell")
        walked.told += told
        _log.warning("outbox: %s stood behind at %s; told %d events", partition, behind, told)

    async def _delete(self, mark: "TableEntity", walked: Walked) -> bool:
        """Delete the mark unless somebody has touched it since it was read."""
        fault_point("walker.before_delete")
        try:
            await self._rows().delete_entity(
                mark, etag=mark.metadata["etag"], match_condition=MatchConditions.IfNotModified
            )
        except ResourceModifiedError:
            return False
        except ResourceNotFoundError:
            return True
        walked.deleted += 1
        return True


def _place(mark: "TableEntity") -> tuple[str, str]:
    return mark["PartitionKey"], mark["RowKey"]


def _stamp(row: "TableEntity") -> datetime:
    """The store's own time of the row's last write."""
    stamp = row.metadata["timestamp"]
    if stamp is None:
        raise ValueError("the store gave a row without its time stamp")
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)


def _watermark(at: datetime) -> dict[str, str]:
    return {"PartitionKey": _WALK, "RowKey": _WATERMARK, "at": rfc3339(at)}

"""The activity ledger: which partitions may have committed something that is not told yet.

| PartitionKey | RowKey | |
|---|---|---|
| `<time slot>-<shard>` | the partition that is active | touched again while it stays so |
| `walk` | `watermark` | how far the walk has got (walk.py) |

A mark costs one write, and stands for all commits to the partition in the next 30 s. Slots begin at
another moment for each partition, so that not all write at once; a slot has 16 shards, so that not all
write to one partition of the ledger. Invariant: whoever holds a `Mark` may start a commit until its
deadline, by this machine's monotonic clock, and not later: the walk deletes no row that is younger than
ten minutes by the store's own clock.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from shared_code.clock import utcnow
from shared_code.faults import fault_point

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables.aio import TableClient

MARK_SECONDS = 30.0
"""How long after its mark a commit may start (design)."""

SLOT_SECONDS = 300
SHARDS = 16
_RENEW_SECONDS = 15.0
_LEAST_SECONDS = 3.0
"""A commit may take two seconds: a mark with less left is renewed before, not beside it."""

_KEPT = 10_000


@dataclass(frozen=True)
class Mark:
    """The right to start commits to a partition until `deadline` (time.monotonic)."""

    deadline: float

    @property
    def seconds_left(self) -> float:
        """How long it still holds."""
        return self.deadline - time.monotonic()


class Ledger:
    """The marks of this process in one service's ledger."""

    def __init__(self, rows: Callable[[], "TableClient"]) -> None:
        self._rows = rows
        self._marks: OrderedDict[str, Mark] = OrderedDict()
        self._writing: dict[str, asyncio.Task[Mark]] = {}

    async def ensure(self, partition: str) -> Mark:
        """A mark that a commit can start under.

        No round trip while one is young; it is renewed beside the work when it gets old. One write when
        there is none. Raises what the store raises.
        """
        mark = self._marks.get(partition)
        if mark is None or mark.seconds_left < _LEAST_SECONDS:
            return await asyncio.shield(self._write_once(partition))
        if mark.seconds_left < _RENEW_SECONDS:
            self._write_once(partition).add_done_callback(_ignore_failure)
        return mark

    def _write_once(self, partition: str) -> asyncio.Task[Mark]:
        """The write that is under way for the partition, or a new one."""
        if partition not in self._writing:
            task = self._writing[partition] = asyncio.create_task(self._write(partition))
            task.add_done_callback(lambda _: self._writing.pop(partition, None))
        return self._writing[partition]

    async def _write(self, partition: str) -> Mark:
        # The time before the write: the row is at least as young as the mark believes.
        mark = Mark(time.monotonic() + MARK_SECONDS)
        fault_point("ledger.before_mark")
        entity = {"PartitionKey": ledger_key(partition, utcnow().timestamp()), "RowKey": partition}
        await self._rows().upsert_entity(entity)
        fault_point("ledger.after_mark")
        self._marks[partition] = mark
        self._marks.move_to_end(partition)
        if len(self._marks) > _KEPT:
            self._marks.popitem(last=False)
        return mark


def _ignore_failure(task: asyncio.Task[Mark]) -> None:
    """A renewal that failed beside the work: the next commit writes it before it starts."""
    if not task.cancelled():
        task.exception()


def ledger_key(partition: str, now: float) -> str:
    """The PartitionKey of a mark at `now`, in seconds since the epoch."""
    digest = blake2b(partition.encode(), digest_size=4).digest()
    offset = int.from_bytes(digest[:2]) % SLOT_SECONDS
    slot = int(now + offset) // SLOT_SECONDS
    return f"{slot:010d}-{digest[2] % SHARDS:02d}"

"""Takes and gives back in rows: in a process, what comes together for one row shares one write.

Invariants: nothing is granted that was not written on the condition that the row was as it was judged by;
nothing is refused on the word of an old copy; in a process one write of a row is under way at a time; a store
that fails grants nothing. The last known rows are kept, so that a busy one costs one round trip.
"""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared_code.errors import Quota, TooManyRequests, Unavailable
from shared_code.limits.log import Limit, Log, Refusal
from shared_code.limits.row import Place, Row, RowChanged, new_write, read, replace

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables.aio import TableClient

_MAX_KNOWN = 2000
"""Rows whose last state is kept; a small one takes about 1 KB."""

_PATIENCE_SECONDS = 5.0
"""How long races for a row may be lost. After that the answer is a 503, which a client repeats."""

type Outcome = int | Refusal
"""The time that a use stands under, or why there is none."""


@dataclass
class _Wish:
    """A use that is wanted, or, with the time that it stands under, given back."""

    given_back: int | None
    done: "asyncio.Future[int]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Counters:
    """The rows of one table, as one process counts in them."""

    def __init__(self, rows: Callable[[], "TableClient"], now_ms: Callable[[], int]) -> None:
        self._rows = rows
        self._now_ms = now_ms
        self._known: OrderedDict[Place, Row] = OrderedDict()
        self._waiting: dict[Place, list[_Wish]] = {}
        self._tasks: dict[Place, asyncio.Task[None]] = {}

    async def take(self, place: Place) -> int:
        """Count one use; the time that it stands under. Raises TooManyRequests, Unavailable, AzureError."""
        return await self._wish(place, None)

    async def give_back(self, place: Place, at: int) -> None:
        """Count one use less. Raises Unavailable, AzureError."""
        await self._wish(place, at)

    async def _wish(self, place: Place, given_back: int | None) -> int:
        wish = _Wish(given_back)
        self._waiting.setdefault(place, []).append(wish)
        if place not in self._tasks:
            self._tasks[place] = asyncio.create_task(self._run(place))
        return await wish.done

    async def _run(self, place: Place) -> None:
        try:
            while group := self._waiting.pop(place, None):
                try:
                    outcomes, pause = await self._settle(place, group)
                except Exception as error:  # noqa: BLE001 - those who wait must hear it
                    _fail(group, error)
                else:
                    _tell(place.limit, group, outcomes)
                    await asyncio.sleep(pause)
        finally:
            del self._tasks[place]

    async def _settle(self, place: Place, group: list[_Wish]) -> tuple[list[Outcome], float]:
        """What becomes of each wish; and for how long to leave the row to others who want it.

        One round trip where the row is as it was last known, or is not there; three where others changed
        it, and two more for each lost race; one or two to refuse. Raises Unavailable, AzureError.
        """
        row, is_fresh = self._known.pop(place, Row()), False
        deadline, races = time.monotonic() + _PATIENCE_SECONDS, 0
        while time.monotonic() < deadline:
            log, outcomes = _planned(place.limit, row.log, group, self._now_ms())
            if log is None and is_fresh:
                return self._settled(place, row, outcomes), 0.0
            write, started = new_write(), time.monotonic()
            if log is not None:
                try:
                    row = await replace(self._rows(), place, row, log, write)
                except RowChanged:
                    races += 1
                else:
                    return self._settled(place, row, outcomes), _pause(started) if races else 0.0
            row, is_fresh = await read(self._rows(), place), True
            if row.write == write:  # it was taken; only its answer was lost
                return self._settled(place, row, outcomes), 0.0
        raise Unavailable

    def _settled(self, place: Place, row: Row, outcomes: list[Outcome]) -> list[Outcome]:
        """The outcomes; and the row is kept for the next time."""
        if row.etag is not None:
            self._known[place] = row
            if len(self._known) > _MAX_KNOWN:
                self._known.popitem(last=False)
        return outcomes


def _pause(started: float) -> float:
    """About as long as a write takes: the last winner needs no read, and would win again and again."""
    elapsed = min(time.monotonic() - started, 1.0)
    return elapsed * random.uniform(0.5, 1.5)  # noqa: S311 - a pause is no secret


def _planned(
    limit: Limit, log: Log, group: list[_Wish], now_ms: int
) -> tuple[Log | None, list[Outcome]]:
    """The log after these wishes, or None when nothing would change; and what becomes of each."""
    log, outcomes, is_changed = log.recent(limit, now_ms), list[Outcome](), False
    for wish in group:
        before = log
        if wish.given_back is not None:
            log, outcome = log.without(wish.given_back), wish.given_back
        elif refusal := log.refusal(limit, now_ms):
            outcomes.append(refusal)
            continue
        else:
            log, outcome = log.used(limit, now_ms)
        outcomes.append(outcome)
        is_changed = is_changed or log != before
    return (log if is_changed else None), outcomes


def _tell(limit: Limit, group: list[_Wish], outcomes: list[Outcome]) -> None:
    for wish, outcome in zip(group, outcomes, strict=True):
        if wish.done.done():  # who asked has given up; what was taken stays counted
            continue
        if isinstance(outcome, int):
            wish.done.set_result(outcome)
        else:
            window = outcome.window
            quota = Quota(limit.name, window.most, window.seconds, 0, outcome.seconds)
            wish.done.set_exception(TooManyRequests(quota))


def _fail(group: list[_Wish], error: Exception) -> None:
    for wish in group:
        if not wish.done.done():
            wish.done.set_exception(error)

"""Takes and gives back in rows: in a process, what comes together for one row shares one write.

Invariants: nothing is granted that was not written on the condition that the row was as it was judged by;
nothing is refused on the word of an old copy; in a process one write of a row is under way at a time; a store
that fails grants nothing. The last known rows are kept, so that a busy one costs one round trip.

A use of a large limit that is given back within its slot of time is kept as a spare: it is written down, and
the next use in the slot can have it. What is left goes back when the slot is over. So where most are given
back, as with logins that succeed, a process writes the row that is everybody's once or twice in a slot.
"""

import asyncio
import logging
import random
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError

from shared_code.errors import Quota, TooManyRequests, Unavailable
from shared_code.limits.log import Limit, Log, Refusal
from shared_code.limits.row import Place, Row, RowChanged, new_write, read, replace

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables.aio import TableClient

_log = logging.getLogger("atrium.limits")

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


@dataclass(frozen=True)
class _Known:
    """A row as this process last saw it, and whether other processes have been writing it."""

    row: Row
    is_shared: bool


_NEW = _Known(Row(), is_shared=False)


class Counters:
    """The rows of one table, as one process counts in them."""

    def __init__(self, rows: Callable[[], "TableClient"], now_ms: Callable[[], int]) -> None:
        self._rows = rows
        self._now_ms = now_ms
        self._known: OrderedDict[Place, _Known] = OrderedDict()
        self._waiting: dict[Place, list[_Wish]] = {}
        self._tasks: dict[Place, asyncio.Task[None]] = {}
        self._spares: dict[Place, list[int]] = {}
        self._returns: set[asyncio.Task[None]] = set()

    async def take(self, place: Place) -> int:
        """Count one use; the time that it stands under. Raises TooManyRequests, Unavailable, AzureError."""
        if (spares := self._spares.get(place)) and spares[-1] >= self._now_ms():
            return spares.pop()
        return await self._wish(place, None)

    async def give_back(self, place: Place, at: int) -> None:
        """Count one use less, at the latest when its slot is over. Raises Unavailable, AzureError."""
        if at <= self._now_ms():
            await self._wish(place, at)
            return
        if place not in self._spares:
            task = asyncio.create_task(self._return_spares(place, at))
            self._returns.add(task)
            task.add_done_callback(self._returns.discard)
        self._spares.setdefault(place, []).append(at)

    async def _return_spares(self, place: Place, at: int) -> None:
        await asyncio.sleep(max(0, at - self._now_ms()) / 1000)
        wishes = [self._wish(place, each) for each in self._spares.pop(place)]
        try:
            await asyncio.gather(*wishes)
        except (AzureError, Unavailable) as error:
            _log.warning("Uses of a limit could not be given back", exc_info=error)

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
        it, two while they often do; and two more for each lost race. Raises Unavailable, AzureError.
        """
        known = self._known.pop(place, _NEW)
        is_fresh = known.is_shared
        row = await read(self._rows(), place) if is_fresh else known.row
        is_shared = row.write != known.row.write
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            log, outcomes = _planned(place.limit, row.log, group, self._now_ms())
            write, started = new_write(), time.monotonic()
            if log is not None:
                try:
                    row = await replace(self._rows(), place, row, log, write)
                except RowChanged:
                    is_shared = True
                else:
                    self._remember(place, _Known(row, is_shared))
                    return outcomes, _pause(started) if is_shared else 0.0
            elif is_fresh:
                self._remember(place, _Known(row, is_shared))
                return outcomes, 0.0
            row, is_fresh = await read(self._rows(), place), True
            if row.write == write:  # it was taken; only its answer was lost
                self._remember(place, _Known(row, is_shared))
                return outcomes, 0.0
        raise Unavailable

    def _remember(self, place: Place, known: _Known) -> None:
        if known.row.etag is None and not known.is_shared:
            return  # a new row is not there either
        self._known[place] = known
        if len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)


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

"""Telling what stands behind: when it is time to, and when it is left for later.

Invariants: a partition is told only when it stood in the same place at the look before, because what is
on its way needs no help; as long as telling moves it nowhere it is told less and less often, so one that
cannot move makes no storm; once the bus has refused, nothing more is told in that walk, and that the bus
was away makes nobody wait longer afterwards.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Protocol

from shared_code.errors import Unavailable
from shared_code.faults import fault_point

_FIRST_PAUSE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 600.0
_log = logging.getLogger("atrium.outbox")


class Outbox(Protocol):
    """What a service gives the walk: where a partition stands behind, and telling it."""

    async def behind(self, partition: str) -> Hashable:
        """Where it stands behind (equal as long as nothing moves), or None when all is told."""

    async def tell(self, partition: str) -> int:
        """Publish what is not told; how many events that were. Raises Unavailable without the bus."""


@dataclass
class _Stuck:
    """A partition that stands behind, and when it may be told."""

    place: Hashable
    pause: float = _FIRST_PAUSE_SECONDS
    not_before: float = 0.0

    def back_off(self, now: float) -> None:
        self.not_before = now + self.pause
        self.pause = min(2 * self.pause, _LONGEST_PAUSE_SECONDS)


class Teller:
    """Tells partitions of one outbox, and remembers from walk to walk which stand where."""

    def __init__(self, outbox: Outbox, clock: Callable[[], float] = time.monotonic) -> None:
        self._outbox = outbox
        self._clock = clock
        self._stuck: dict[str, _Stuck] = {}
        self.begin()

    def begin(self) -> None:
        """A new walk: the bus may be there again."""
        self._alone = asyncio.Lock()
        self._works = False
        self._away = False

    def forget(self, partition: str) -> None:
        """It is not behind."""
        self._stuck.pop(partition, None)

    def keep_only(self, partitions: Collection[str]) -> None:
        """Forget all others: nothing names them any more."""
        self._stuck = {each: stuck for each, stuck in self._stuck.items() if each in partitions}

    async def stands(self, partition: str, place: Hashable) -> int:
        """It stands behind there: tell it if it is time to. How many events were told.

        Raises what the outbox raises.
        """
        stuck = self._stuck.get(partition)
        if stuck is None or stuck.place != place:
            self._stuck[partition] = _Stuck(place)
            return 0
        if self._clock() < stuck.not_before:
            return 0
        return await self._one_first(partition, stuck)

    async def _one_first(self, partition: str, stuck: _Stuck) -> int:
        """Until the bus has taken something in this walk one tells at a time, then all at once.

        A silent bus lets each wait for seconds, one after another, and keeps what they gave it.
        """
        async with self._alone:
            if not (self._works or self._away):
                return await self._tell(partition, stuck)
        return 0 if self._away else await self._tell(partition, stuck)

    async def _tell(self, partition: str, stuck: _Stuck) -> int:
        fault_point("walker.before_tell")
        try:
            told = await self._outbox.tell(partition)
        except Unavailable:
            self._away = True
            raise
        except Exception:
            stuck.back_off(self._clock())
            raise
        fault_point("walker.after_tell")
        self._works = self._works or told > 0
        stuck.back_off(self._clock())
        _log.warning("outbox: %s stood behind at %s; told %d events", partition, stuck.place, told)
        return told

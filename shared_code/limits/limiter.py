"""Takes from several limits at once, all or none, and sweeps away the rows whose windows are over."""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError

from shared_code.clock import now_ms
from shared_code.errors import TooManyRequests, Unavailable
from shared_code.limits.counter import Counters
from shared_code.limits.log import Limit
from shared_code.limits.row import Place, place_of
from shared_code.sweeping import sweep

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables.aio import TableClient

_log = logging.getLogger("atrium.limits")
_CLOCKS_DIFFER_MS = 60_000

type Taken = tuple[tuple[Place, int], ...]
"""What was taken, so that it can be given back."""


class Limiter:
    """The limits of one table. One for a process; `now_ms` is there for tests of windows."""

    def __init__(
        self, rows: Callable[[], "TableClient"], now_ms: Callable[[], int] = now_ms
    ) -> None:
        self._rows = rows
        self._counters = Counters(rows, now_ms)

    async def take(self, *wants: tuple[Limit, str]) -> Taken:
        """Take one from each limit for its key, or nothing at all.

        They are taken in this order, so name those first that fewest share: who has used up his own takes
        nothing, not even for a moment, from what is everybody's. One round trip each where the row is known
        to this process or not there (counter.py). Raises TooManyRequests; and Unavailable or AzureError
        when the store fails or a row is too busy: then nobody passes, and what was taken stays counted.
        """
        taken: list[tuple[Place, int]] = []
        try:
            for limit, key in wants:
                place = place_of(limit, key)
                taken.append((place, await self._counters.take(place)))
        except TooManyRequests:
            await self.give_back(tuple(taken))
            raise
        return tuple(taken)

    async def give_back(self, taken: Taken) -> None:
        """Let it not count after all. One round trip, all rows side by side.

        Raises nothing: when the store fails what succeeded stays a success, and counts.
        """
        gives = (self._counters.give_back(place, at) for place, at in taken)
        for result in await asyncio.gather(*gives, return_exceptions=True):
            if isinstance(result, AzureError | Unavailable):
                _log.warning("A use of a limit could not be given back", exc_info=result)
            elif isinstance(result, BaseException):
                raise result

    async def sweep(self, now_ms: int) -> int:
        """Delete the rows whose windows are over; how many they were. As sweeping.sweep."""
        return await sweep(self._rows(), f"until lt {now_ms - _CLOCKS_DIFFER_MS}L")

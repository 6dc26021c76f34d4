"""`maxOutstandingRequests` and `maxConcurrentRequests` of host.json.

Invariant: at most so many requests run, at most so many are inside, waiting ones included, and a
request beyond that is refused at once.
"""

import asyncio
from collections.abc import Awaitable, Callable

from emulators.functions_host.host_json import HttpOptions
from emulators.functions_host.http.response import Response

_REFUSED = Response(429, headers=[(b"x-function-scaleout", b"1")])


class Throttle:
    """A gate that function requests pass."""

    def __init__(self, options: HttpOptions) -> None:
        self._most = options.max_outstanding
        self._inside = 0
        concurrent = options.max_concurrent
        self._slots = asyncio.Semaphore(concurrent) if concurrent > 0 else None

    async def pass_through(self, answer: Callable[[], Awaitable[Response]]) -> Response:
        """Answer when there is room, or refuse."""
        if 0 <= self._most <= self._inside:
            return _REFUSED
        self._inside += 1
        try:
            if self._slots is None:
                return await answer()
            async with self._slots:
                return await answer()
        finally:
            self._inside -= 1


def throttle(options: HttpOptions) -> Throttle | None:
    """Return the gate, or None when host.json sets no limit."""
    limited = options.max_outstanding >= 0 or options.max_concurrent > 0
    return Throttle(options) if limited else None

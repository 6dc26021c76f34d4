"""How often a crashed part is started again.

Invariant: at most ``MOST`` restarts of a part within ``WINDOW`` seconds, each waiting longer.
"""

import time
from collections import deque
from collections.abc import Callable

MOST = 3
WINDOW = 60.0
FIRST_PAUSE = 0.5


class Restarts:
    """The restarts of one part."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._times: deque[float] = deque()

    def next_pause(self) -> float | None:
        """Seconds to wait before the next restart, or none when it has crashed too often."""
        now = self._now()
        while self._times and self._times[0] <= now - WINDOW:
            self._times.popleft()
        if len(self._times) >= MOST:
            return None
        self._times.append(now)
        return FIRST_PAUSE * float(2 ** (len(self._times) - 1))

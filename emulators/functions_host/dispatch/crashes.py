"""How many worker crashes are too many.

Invariant: a worker that never came up is given up soon, because the next will not either; one that
served in between may crash often, as Azure restarts a host that gave up.
"""

import time
from collections import deque

_MOST = 3 * 10
"""Three for each of the ten processes that an app may have."""
_MOST_AT_START = 3
_WINDOW_SECONDS = 30 * 60.0


class Crashes:
    """The crashes of the last half hour."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self._in_a_row = 0

    def add(self) -> None:
        """Count one."""
        self._times.append(time.monotonic())
        self._in_a_row += 1

    def came_up(self) -> None:
        """Note that a worker has indexed the app."""
        self._in_a_row = 0

    def too_many(self) -> str:
        """Say why to give up, or nothing while there is hope."""
        while self._times and self._times[0] < time.monotonic() - _WINDOW_SECONDS:
            self._times.popleft()
        if len(self._times) >= _MOST:
            return f"worker processes crashed {len(self._times)} times in half an hour; giving up"
        if self._in_a_row >= _MOST_AT_START:
            return f"worker processes crashed {self._in_a_row} times before the app was loaded"
        return ""

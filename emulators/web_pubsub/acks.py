"""Acks: which requests have succeeded already, and the moment that an answer is held back.

Invariant: only successes are remembered, never more than the last 1000 of them; acks leave in the
order in which they were made.
"""

import asyncio
from collections import deque
from collections.abc import Callable

CAPACITY = 1000
# The synchronous official client sends first and then begins to wait; an ack in between is lost on
# it, and it stalls for its whole time-out (30 s). The distance to Azure hides that; loopback does
# not: without this pause 2 in 100 of its requests stalled, with 2 ms 1 in 3000 on a busy machine.
PAUSE_SECONDS = 0.005


class AckCache:
    """The ack ids of the latest successful requests of one logical connection."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: dict[int, None] = {}

    def __contains__(self, ack_id: int) -> bool:
        return ack_id in self._ids

    def remember(self, ack_id: int) -> None:
        """Note a success, forgetting the oldest one beyond capacity."""
        self._ids[ack_id] = None
        if len(self._ids) > CAPACITY:
            del self._ids[next(iter(self._ids))]


class AckQueue:
    """Acks on their way out."""

    __slots__ = ("_frames", "_write")

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._frames: deque[tuple[float, bytes]] = deque()

    def put(self, frame: bytes) -> None:
        """Write the ack after the pause."""
        loop = asyncio.get_running_loop()
        self._frames.append((loop.time() + PAUSE_SECONDS, frame))
        if len(self._frames) == 1:
            loop.call_later(PAUSE_SECONDS, self._write_due)

    def flush(self) -> None:
        """Write what there is at once; for a connection that is about to be closed."""
        while self._frames:
            self._write(self._frames.popleft()[1])

    def _write_due(self) -> None:
        loop = asyncio.get_running_loop()
        while self._frames and self._frames[0][0] <= loop.time():
            self._write(self._frames.popleft()[1])
        if self._frames:
            loop.call_at(self._frames[0][0], self._write_due)

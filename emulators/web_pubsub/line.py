"""One direction of one socket when something is wrong with it: frames late, twice, swapped or lost.

Invariant: a line keeps the order of frames, but for the two that a swap exchanges: whatever comes
behind a late frame is late too, as on a link that stalls. What is held is bounded by its owner, who
asks for ``held_bytes``; ``flush`` lets go of everything at once, in order.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from emulators.web_pubsub.clock import Clock, Timer
from emulators.web_pubsub.faults import Verdict

# A frame that is to be swapped with the next one waits no longer than that for it.
SWAP_SECONDS = 1.0


class Line[T]:
    """Carries items to ``emit``."""

    __slots__ = ("_clock", "_emit", "_emptied", "_late", "_swapped", "_timer", "held_bytes")

    def __init__(self, emit: Callable[[T], None], clock: Clock) -> None:
        self._emit = emit
        self._clock = clock
        self._late: deque[tuple[float, T, int]] = deque()
        self._swapped: tuple[T, int, Verdict, Timer] | None = None
        self._timer: Timer | None = None
        self._emptied: asyncio.Event | None = None
        self.held_bytes = 0

    @property
    def empty(self) -> bool:
        """Whether nothing is held."""
        return not self._late and self._swapped is None

    def carry(self, item: T, size: int, verdict: Verdict) -> None:
        """Let an item go its way."""
        if verdict.copies and verdict.swap and self._swapped is None:
            timer = self._clock.call_later(SWAP_SECONDS, self._release_swapped)
            self._swapped = (item, size, verdict, timer)
            self.held_bytes += size
            return
        self._send(item, size, verdict)
        if verdict.copies:
            self._release_swapped()

    def flush(self) -> None:
        """Emit what is held, at once."""
        self._release_swapped()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._late:
            self._emit_first()

    async def emptied(self) -> None:
        """Wait until nothing is late any more."""
        while self._late:
            self._emptied = asyncio.Event()
            await self._emptied.wait()

    def _release_swapped(self) -> None:
        if self._swapped is not None:
            item, size, verdict, timer = self._swapped
            self._swapped = None
            timer.cancel()
            self.held_bytes -= size
            self._send(item, size, verdict)

    def _send(self, item: T, size: int, verdict: Verdict) -> None:
        for _ in range(verdict.copies):
            if not self._late and verdict.delay_seconds <= 0:
                self._emit(item)
                continue
            due = self._clock.monotonic() + verdict.delay_seconds
            self._late.append((max(due, self._late[-1][0] if self._late else due), item, size))
            self.held_bytes += size
            if self._timer is None:
                self._wait()

    def _wait(self) -> None:
        delay = max(0.0, self._late[0][0] - self._clock.monotonic())
        self._timer = self._clock.call_later(delay, self._emit_due)

    def _emit_due(self) -> None:
        self._timer = None
        # The first one is what the timer was for: a clock that rounds must not make it wait again.
        self._emit_first()
        while self._late and self._late[0][0] <= self._clock.monotonic():
            self._emit_first()
        if self._late and self._timer is None:
            self._wait()

    def _emit_first(self) -> None:
        _, item, size = self._late.popleft()
        self.held_bytes -= size
        if not self._late and self._emptied is not None:
            self._emptied.set()
            self._emptied = None
        self._emit(item)

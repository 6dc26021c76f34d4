"""The emulator's one clock: the machine's time, plus what was advanced on request.

Whoever asks for the time or waits for a moment that the service promises (the end of a token, of a
retention, of a message's life, of a cached validation) asks here, so that an hour can pass in a
second. What is about sockets (pauses of milliseconds, closing handshakes) stays in real time.

Invariant: time never runs backwards, and a timer fires once, at its moment of this clock. Dates
inside tokens are the signer's, whose clock nobody advanced: a token ages by what was advanced after
it was issued, and a token issued afterwards (or undated) is as fresh as it looks.
"""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

MAX_ADVANCED_SECONDS = 100 * 366 * 86400.0


class ClockLimitError(ValueError):
    """Advanced so far, dates would soon be more than a calendar holds."""


class Timer:
    """A call that is to be made at a moment of the clock."""

    __slots__ = ("_call", "_clock", "_due", "_handle")

    def __init__(self, clock: "Clock", delay: float, call: Callable[[], None]) -> None:
        self._clock = clock
        self._due = clock.monotonic() + delay
        self._call = call
        self._handle = asyncio.get_running_loop().call_later(delay, self._fire)

    def cancel(self) -> None:
        """Do not make the call."""
        self._handle.cancel()
        self._clock.forget(self)

    def clock_moved(self) -> None:
        """Fire at the same moment of a clock that has jumped."""
        self._handle.cancel()
        delay = max(0.0, self._due - self._clock.monotonic())
        self._handle = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._clock.forget(self)
        self._call()


class Clock:
    """Time that can be advanced."""

    def __init__(
        self,
        real_time: Callable[[], float] = time.time,
        real_monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._real_time = real_time
        self._real_monotonic = real_monotonic
        self._advances: list[tuple[float, float]] = []
        self._timers: dict[Timer, None] = {}
        self.advanced = 0.0

    def now(self) -> float:
        """Return the seconds since 1970."""
        return self._real_time() + self.advanced

    def monotonic(self) -> float:
        """Return seconds for measuring what has passed."""
        return self._real_monotonic() + self.advanced

    def deadline(self, ttl_seconds: float) -> float:
        """Return the monotonic moment until which something lives; 0 is for ever."""
        return self.monotonic() + ttl_seconds if ttl_seconds else math.inf

    def now_for(self, issued_at: float) -> float:
        """Return the present in the time of a signer who dated something at that moment of his."""
        since = sum(seconds for moment, seconds in self._advances if moment > issued_at)
        return self._real_time() + since

    def call_later(self, delay: float, callback: Callable[..., None], *args: Any) -> Timer:
        """Make a call after so many seconds of this clock."""
        timer = Timer(self, delay, lambda: callback(*args))
        self._timers[timer] = None
        return timer

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock."""
        awake = asyncio.Event()
        timer = self.call_later(seconds, awake.set)
        try:
            await awake.wait()
        finally:
            timer.cancel()

    async def advance(self, seconds: float) -> None:
        """Let that much time pass; takes up to a second.

        Tokens are dated in whole seconds. Only between two of them is it certain which token is
        older than the advance, so it waits for that moment.
        """
        boundary = int(self._real_time()) + 1
        await asyncio.sleep(boundary - self._real_time())
        if self.advanced + seconds > MAX_ADVANCED_SECONDS:
            raise ClockLimitError
        self.jump(seconds, at=boundary)

    def jump(self, seconds: float, *, at: float) -> None:
        """Advance at once; what is dated before ``at`` has aged by it."""
        self._advances.append((at, seconds))
        self.advanced += seconds
        for timer in tuple(self._timers):
            timer.clock_moved()

    def forget(self, timer: Timer) -> None:
        """Let go of a timer that is done."""
        self._timers.pop(timer, None)

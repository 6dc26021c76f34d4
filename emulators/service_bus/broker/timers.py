"""What happens later: one heap of times. Invariant: what was cancelled costs nothing for long."""

import heapq
from collections.abc import Callable
from itertools import count

_LEAST_TO_SWEEP = 1_000


class Timer:
    """Something that will be done at `due_ms`, unless it is cancelled."""

    __slots__ = ("action", "due_ms")

    def __init__(self, due_ms: int, action: Callable[[], None]) -> None:
        self.due_ms = due_ms
        self.action: Callable[[], None] | None = action


class Timers:
    """All timers of a broker."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._order = count()
        self._cancelled = 0

    def at(self, due_ms: int, action: Callable[[], None]) -> Timer:
        """Do `action` at that time."""
        timer = Timer(due_ms, action)
        heapq.heappush(self._heap, (due_ms, next(self._order), timer))
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """Do not do it; harmless when it is done."""
        if timer is None or timer.action is None:
            return
        timer.action = None
        self._cancelled += 1
        if self._cancelled > _LEAST_TO_SWEEP and self._cancelled > len(self._heap) // 2:
            self._heap = [each for each in self._heap if each[2].action is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    @property
    def next_due_ms(self) -> int | None:
        """When something is to be done next."""
        while self._heap and self._heap[0][2].action is None:
            heapq.heappop(self._heap)
            self._cancelled = max(self._cancelled - 1, 0)
        return self._heap[0][0] if self._heap else None

    def run(self, now_ms: int) -> None:
        """Do all that is due."""
        while (due := self.next_due_ms) is not None and due <= now_ms:
            timer = heapq.heappop(self._heap)[2]
            action, timer.action = timer.action, None
            if action:
                action()

"""What counts against a limit: the times at which it was used, and how many are allowed in each window.

A sliding log: in any stretch of a window's length at most `most` uses succeed, and when the next one will
is known to the millisecond. (Fixed windows let twice as many through at their seam, and so does GCRA after a
pause.) Limits of more than 100 keep times in slots of a hundredth of their shortest window, rounded up: a row
stays small, and a use counts a hundredth longer, never shorter. No input or output here.
"""

import json
import math
import re
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

_MAX_SINGLE_TIMES = 100
_SLOTS = 100
_MAX_ENTRIES = 1500
"""So many fit a property of 64 KiB in UTF-16, at some 20 characters each."""


class Window(NamedTuple):
    """At most `most` uses in any `seconds`."""

    most: int
    seconds: int


@dataclass(frozen=True)
class Limit:
    """A name, which answers show, and the windows that all hold at once.

    Raises ValueError for a limit that cannot be kept.
    """

    name: str
    windows: tuple[Window, ...]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z_]{0,49}", self.name):
            raise ValueError(f"{self.name!r} is no name for a limit")
        if not self.windows or any(most < 1 or seconds < 1 for most, seconds in self.windows):
            raise ValueError(
                f"{self.name}: a window has a number of uses and of seconds, both at least 1"
            )
        if min(self._most, self.longest_ms // self.grain_ms) > _MAX_ENTRIES:
            raise ValueError(f"{self.name}: its windows are too different to count in one row")

    @property
    def _most(self) -> int:
        return max(window.most for window in self.windows)

    @property
    def longest_ms(self) -> int:
        """After so long a use counts no more."""
        return max(window.seconds for window in self.windows) * 1000

    @property
    def grain_ms(self) -> int:
        """How finely times are kept."""
        if self._most <= _MAX_SINGLE_TIMES:
            return 1
        return max(1, min(window.seconds for window in self.windows) * 1000 // _SLOTS)


class Refusal(NamedTuple):
    """The window that is used up, and for how long."""

    window: Window
    wait_ms: int

    @property
    def seconds(self) -> int:
        """How long to wait, in whole seconds; after them there is room."""
        return max(1, math.ceil(self.wait_ms / 1000))


type Entry = tuple[int, int]
"""A time in milliseconds since 1970, and how many uses stand there."""


@dataclass(frozen=True)
class Log:
    """The uses that still count, oldest first."""

    entries: tuple[Entry, ...] = ()

    def recent(self, limit: Limit, now_ms: int) -> "Log":
        """Without those whose windows are over."""
        oldest = now_ms - limit.longest_ms
        return Log(tuple(entry for entry in self.entries if entry[0] > oldest))

    def refusal(self, limit: Limit, now_ms: int) -> Refusal | None:
        """Why another use is refused now, or None. Of several windows the one that lasts longest."""
        refusals = [self._refusal(window, now_ms) for window in limit.windows]
        return max((each for each in refusals if each), key=lambda each: each.wait_ms, default=None)

    def _refusal(self, window: Window, now_ms: int) -> Refusal | None:
        length = window.seconds * 1000
        inside = [entry for entry in self.entries if entry[0] > now_ms - length]
        excess = sum(uses for _, uses in inside) - window.most + 1
        for at, uses in inside:
            if excess <= 0:
                break
            excess, wait = excess - uses, at + length - now_ms
            if excess <= 0:
                return Refusal(window, wait)
        return None

    def used(self, limit: Limit, now_ms: int) -> tuple["Log", int]:
        """With one more use, and the time that it stands under."""
        at = -(-now_ms // limit.grain_ms) * limit.grain_ms
        counts = dict(self.entries)
        if at in counts:
            return self._with(at, counts[at] + 1), at
        entries = list(self.entries)
        insort(entries, (at, 1))
        return Log(tuple(entries)), at

    def without(self, at: int) -> "Log":
        """With one use less at this time, if there is one."""
        return self._with(at, dict(self.entries).get(at, 0) - 1)

    def _with(self, at: int, uses: int) -> "Log":
        changed: Iterable[Entry] = ((at, uses) if each[0] == at else each for each in self.entries)
        return Log(tuple(each for each in changed if each[1] > 0))

    def until(self, limit: Limit) -> int:
        """When nothing here counts any more, in milliseconds since 1970."""
        return self.entries[-1][0] + limit.longest_ms if self.entries else 0

    def text(self) -> str:
        """As it is stored."""
        return json.dumps(self.entries, separators=(",", ":"))


EMPTY = Log()


def parsed(text: str) -> Log:
    """The log of a stored text."""
    return Log(tuple((int(at), int(uses)) for at, uses in json.loads(text)))

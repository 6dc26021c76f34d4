"""Faults on request: what is to go wrong, for whom, how often and for how long.

Invariant: a fault strikes only its target, in the order in which faults were made, and its random
choices come from its own seed, so that a run can be repeated. Without a fault nobody asks here:
``on_change`` tells who sits on the wires when that changes.
"""

import random
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from emulators.web_pubsub.clock import Clock, Timer
from emulators.web_pubsub.connection import Connection
from emulators.web_pubsub.fault_kinds import ON_THE_WIRE, Kind

EVERY_HUB = "*"
MAX_FAULTS = 1000
_KEPT_ENDED = 50


@dataclass(frozen=True, slots=True)
class Target:
    """Whom it concerns: a hub, and in it everyone or only those that are named."""

    hub: str
    group: str | None = None
    user: str | None = None
    connection: str | None = None

    def names(
        self, hub: str, groups: Collection[str], user: str | None, connection: str | None
    ) -> bool:
        """Return whether somebody or something with these names is meant."""
        return (
            self.hub in {hub, EVERY_HUB}
            and (self.group is None or self.group in groups)
            and (self.user is None or self.user == user)
            and (self.connection is None or self.connection == connection)
        )

    def is_for(self, connection: Connection) -> bool:
        """Return whether a connection is meant."""
        return self.names(
            connection.events.hub, connection.groups, connection.user_id, connection.id
        )


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong; ``left`` is None when it may strike without an end."""

    kind: Kind
    target: Target
    probability: float = 1.0
    seed: int = 0
    left: int | None = None
    lasts_seconds: float | None = None
    frames: frozenset[str] = frozenset({"message"})
    delay_seconds: float = 0.0
    copies: int = 2
    status: int = 503
    retry_after: int | None = None
    id: str = ""
    struck: int = 0
    timer: Timer | None = None
    chance: random.Random = field(default_factory=random.Random, repr=False)


@dataclass(slots=True)
class Verdict:
    """What becomes of one frame."""

    copies: int = 1
    delay_seconds: float = 0.0
    swap: bool = False
    by: tuple[str, ...] = ()


UNTOUCHED = Verdict()


class Faults:
    """The faults of one emulator."""

    def __init__(self, clock: Clock, on_change: Callable[[], None] = lambda: None) -> None:
        self.on_change = on_change
        self._clock = clock
        self._active: dict[str, Fault] = {}
        self._ended: deque[Fault] = deque(maxlen=_KEPT_ENDED)
        self._made = 0

    @property
    def active(self) -> list[Fault]:
        """What can still strike, oldest first."""
        return list(self._active.values())

    @property
    def ended(self) -> list[Fault]:
        """What was used up, ran out or was cleared, the latest ones."""
        return list(self._ended)

    @property
    def on_the_wire(self) -> bool:
        """Whether frames are to be looked at."""
        return any(fault.kind in ON_THE_WIRE for fault in self._active.values())

    def add(self, fault: Fault) -> Fault:
        """Let it strike from now on."""
        self._made += 1
        fault.id = f"f{self._made}"
        fault.chance.seed(fault.seed)
        if fault.lasts_seconds is not None:
            fault.timer = self._clock.call_later(fault.lasts_seconds, self._end, fault)
        self._active[fault.id] = fault
        self.on_change()
        return fault

    def clear(self, ids: Iterable[str] | None = None) -> int:
        """End these faults, or all; returns how many were active."""
        chosen = [self._active.get(each) for each in (tuple(self._active) if ids is None else ids)]
        cleared = [fault for fault in chosen if fault is not None]
        for fault in cleared:
            self._end(fault)
        return len(cleared)

    def judge(self, connection: Connection, frame: str) -> Verdict:
        """Return what becomes of a frame of this kind."""
        verdict = UNTOUCHED
        for fault in tuple(self._active.values()):
            concerns = fault.kind in ON_THE_WIRE and frame in fault.frames
            if concerns and fault.target.is_for(connection) and self._strikes(fault):
                verdict = _worsened(verdict, fault)
        return verdict

    def strike(
        self,
        kind: Kind,
        hub: str,
        groups: Collection[str],
        user: str | None,
        connection: str | None,
    ) -> Fault | None:
        """Return the first fault of a kind that strikes whoever has these names."""
        for fault in tuple(self._active.values()):
            concerns = fault.kind is kind and fault.target.names(hub, groups, user, connection)
            if concerns and self._strikes(fault):
                return fault
        return None

    def _strikes(self, fault: Fault) -> bool:
        if fault.probability < 1 and fault.chance.random() >= fault.probability:
            return False
        fault.struck += 1
        if fault.left is not None:
            fault.left -= 1
            if fault.left == 0:
                self._end(fault)
        return True

    def _end(self, fault: Fault) -> None:
        if self._active.pop(fault.id, None) is None:
            return
        if fault.timer is not None:
            fault.timer.cancel()
        self._ended.append(fault)
        self.on_change()


def _worsened(verdict: Verdict, fault: Fault) -> Verdict:
    worse = Verdict(
        verdict.copies, verdict.delay_seconds, verdict.swap, (*verdict.by, str(fault.kind))
    )
    match fault.kind:
        case Kind.DROP:
            worse.copies = 0
        case Kind.DUPLICATE:
            worse.copies *= fault.copies
        case Kind.DELAY:
            worse.delay_seconds += fault.delay_seconds
        case _:
            worse.swap = True
    return worse

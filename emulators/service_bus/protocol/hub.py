"""The turn: what arrived is applied to the broker, messages are handed out, all is committed, then told.

Invariant: nothing is written to a socket but in `turn`, after the commit.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from emulators.service_bus.broker import Broker, Queue
from emulators.service_bus.protocol.claims import Key

if TYPE_CHECKING:
    from emulators.service_bus.protocol.connection import Connection

_ROUND = 32
"""Messages that a receiver is given before the next one has its turn."""


@dataclass(frozen=True)
class Terms:
    """What connections are offered."""

    keys: Sequence[Key]
    max_frame_bytes: int = 64 * 1024
    idle_ms: int = 240_000
    max_connections: int = 1_000


class Receiver(Protocol):
    """Something that takes messages of a queue, or waits for a session of it."""

    def take(self, most: int) -> int:
        """Take up to `most` messages; how many it took."""

    @property
    def is_open(self) -> bool:
        """Whether it still wants any."""


class Hub:
    """What all connections share."""

    def __init__(self, broker: Broker, terms: Terms) -> None:
        self.broker = broker
        self.terms = terms
        self.connections: set[Connection] = set()
        self._dirty: set[Connection] = set()
        self._receivers: dict[Queue, OrderedDict[Receiver, None]] = {}

    def touch(self, connection: "Connection") -> None:
        """The connection has something to tell at the end of the turn."""
        self._dirty.add(connection)

    def enlist(self, queue: Queue, receiver: Receiver) -> None:
        """The receiver takes messages of the queue from now on."""
        self._receivers.setdefault(queue, OrderedDict())[receiver] = None
        self.broker.ready.add(queue)

    def dismiss(self, queue: Queue, receiver: Receiver) -> None:
        """It does not any more."""
        receivers = self._receivers.get(queue)
        if receivers is not None:
            receivers.pop(receiver, None)
            if not receivers:
                del self._receivers[queue]

    def turn(self) -> None:
        """End a turn: hand out, commit, tell."""
        self.broker.run_due()
        while self.broker.ready:
            self._hand_out(self.broker.ready.pop())
        self.broker.commit()
        dirty, self._dirty = self._dirty, set()
        for connection in dirty:
            connection.flush()

    def _hand_out(self, queue: Queue) -> None:
        """Give the queue's messages to its receivers, some to each in turn, until none takes any."""
        receivers = self._receivers.get(queue)
        took = bool(receivers)
        while took and receivers:
            took = False
            for receiver in list(receivers):
                if receiver.is_open and receiver.take(_ROUND):
                    took = True
                    if receiver in receivers:
                        receivers.move_to_end(receiver)

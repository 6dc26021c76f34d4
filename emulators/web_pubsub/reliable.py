"""What a reliable connection has been sent and has not acknowledged yet.

Invariant: sequence ids start at 1 and step by 1 for the life of the logical connection, and the
buffer holds exactly the unacknowledged messages, in order, within both limits. A message whose time
to live is over keeps its number and loses its place: it is not replayed and takes no room. The gap
that it leaves is no harm: clients take whatever is numbered higher than what they have.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator

from emulators.web_pubsub.messages import NEVER, Rendered

MAX_MESSAGES = 1000
MAX_BYTES = 16 * 1024 * 1024


class BufferOverflowError(Exception):
    """The client fell too far behind; the connection cannot be recovered any more."""


class ReliableBuffer:
    """Numbers messages and keeps them until they are acknowledged or expire."""

    __slots__ = ("_bytes", "_clock", "_pending", "last_sequence_id")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pending: deque[tuple[int, Rendered, float]] = deque()
        self._bytes = 0
        self.last_sequence_id = 0

    def append(self, rendered: Rendered, expires_at: float = NEVER) -> int:
        """Keep a message and return its sequence id."""
        size = len(rendered.payload)
        if not self._fits(size):
            self._drop_expired()
            if not self._fits(size):
                raise BufferOverflowError
        self._bytes += size
        self.last_sequence_id += 1
        self._pending.append((self.last_sequence_id, rendered, expires_at))
        return self.last_sequence_id

    def acknowledge(self, sequence_id: int) -> None:
        """Release everything up to this id; a future id releases everything."""
        while self._pending and self._pending[0][0] <= sequence_id:
            _, rendered, _ = self._pending.popleft()
            self._bytes -= len(rendered.payload)

    def __iter__(self) -> Iterator[tuple[int, Rendered, float]]:
        """Yield what is to be replayed: the id, the message, and until when it is good."""
        self._drop_expired()
        return iter(tuple(self._pending))

    def __len__(self) -> int:
        return len(self._pending)

    def _fits(self, size: int) -> bool:
        return len(self._pending) < MAX_MESSAGES and self._bytes + size <= MAX_BYTES

    def _drop_expired(self) -> None:
        now = self._clock()
        self._pending = deque(entry for entry in self._pending if now < entry[2])
        self._bytes = sum(len(rendered.payload) for _, rendered, _ in self._pending)

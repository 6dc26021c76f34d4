"""What a reliable connection has been sent and has not acknowledged yet.

Invariant: sequence ids start at 1 and step by 1 for the life of the logical connection, and the
buffer holds exactly the unacknowledged messages, in order, within both limits.
"""

from collections import deque
from collections.abc import Iterator

from emulators.web_pubsub.messages import Rendered

MAX_MESSAGES = 1000
MAX_BYTES = 16 * 1024 * 1024


class BufferOverflowError(Exception):
    """The client fell too far behind; the connection cannot be recovered any more."""


class ReliableBuffer:
    """Numbers messages and keeps them until they are acknowledged."""

    __slots__ = ("_bytes", "_last_sequence_id", "_pending")

    def __init__(self) -> None:
        self._pending: deque[tuple[int, Rendered]] = deque()
        self._bytes = 0
        self._last_sequence_id = 0

    def append(self, rendered: Rendered) -> int:
        """Keep a message and return its sequence id."""
        size = self._bytes + len(rendered.payload)
        if len(self._pending) >= MAX_MESSAGES or size > MAX_BYTES:
            raise BufferOverflowError
        self._bytes = size
        self._last_sequence_id += 1
        self._pending.append((self._last_sequence_id, rendered))
        return self._last_sequence_id

    def acknowledge(self, sequence_id: int) -> None:
        """Release everything up to this id; a future id releases everything."""
        while self._pending and self._pending[0][0] <= sequence_id:
            _, rendered = self._pending.popleft()
            self._bytes -= len(rendered.payload)

    def __iter__(self) -> Iterator[tuple[int, Rendered]]:
        return iter(tuple(self._pending))

    def __len__(self) -> int:
        return len(self._pending)

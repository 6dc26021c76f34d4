"""One WebSocket as the rest of the emulator sees it: write a frame, close, abort.

Frames go straight to the asyncio transport. aiohttp does the same for uncompressed frames, but
through a coroutine and an encoding per socket, and a fan-out would pay both a thousand times.
Only a client that is slow to read gets a queue, where a frame can still expire before it is sent.
Invariant: writing never waits. What a slow client has not taken yet is bounded, and past the bound
the socket is given up, so that no client can hold up another or fill the memory. One close frame is
written, nothing after it, and a client that does not answer it is dropped in the end.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Protocol

from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.codec import Request
from emulators.web_pubsub.inbox import Inbox
from emulators.web_pubsub.messages import NEVER
from emulators.web_pubsub.wire import encode_close

MAX_UNSENT_BYTES = 32 * 1024 * 1024
# Below this the kernel takes frames as fast as we make them; asyncio's own mark is the same.
SLOW_BYTES = 64 * 1024
CLOSE_SECONDS = 5.0


class Tap(Protocol):
    """Whoever sits on the wire: faults on request, the live trace. Mostly nobody does."""

    def outbound(self, frame: bytes, expires_at: float) -> bool:
        """Take a frame for the client, to ``put`` it sooner, later or never."""
        ...

    async def inbound(self, data: str | bytes, request: Request, inbox: Inbox) -> None:
        """Take a frame of the client; waits while too much is held."""
        ...

    def closing(self, code: int, reason: str) -> None:
        """Let go of what is held for the client, because the close frame comes next."""
        ...

    def ended(self) -> None:
        """Let go of what the client had sent before its socket ended."""
        ...


class SocketTransport:
    """The outbound half of a WebSocket, and the place where somebody may sit on the wire."""

    __slots__ = (
        "_clock",
        "_closing",
        "_drain",
        "_queue",
        "_queued_bytes",
        "_sending",
        "_transport",
        "tap",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        drain: Callable[[], Coroutine[None, None, None]],
        clock: Clock,
    ) -> None:
        self.tap: Tap | None = None
        self._clock = clock
        self._transport = transport
        self._drain = drain
        self._closing = False
        self._queue: deque[tuple[bytes, float]] = deque()
        self._queued_bytes = 0
        self._sending: asyncio.Task[None] | None = None

    def write(self, frame: bytes, expires_at: float = NEVER) -> bool:
        """Write a frame; False says that the client does not keep up."""
        if self.tap is not None:
            return self.tap.outbound(frame, expires_at)
        return self.put(frame, expires_at)

    def put(self, frame: bytes, expires_at: float) -> bool:
        """Write a frame past whoever sits on the wire."""
        if self._closing or self._transport.is_closing():
            return True  # the reader is about to notice; nothing was promised to a closing socket
        if self._sending is None and self._transport.get_write_buffer_size() <= SLOW_BYTES:
            self._transport.write(frame)
        else:
            self._enqueue(frame, expires_at)
        return self._transport.get_write_buffer_size() + self._queued_bytes <= MAX_UNSENT_BYTES

    def close(self, code: int, reason: str = "") -> None:
        """Say goodbye, or answer it; the client has some seconds to take it."""
        if self._closing or self._transport.is_closing():
            return
        if self.tap is not None:
            self.tap.closing(code, reason)
        self._closing = True
        while self._queue:
            self._write_next()
        self._transport.write(encode_close(code, reason))
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._transport.abort)

    def finish(self) -> None:
        """End the TCP connection once both goodbyes are said.

        Earlier would be wrong: a reset, provoked by what the client still sends, would overtake the
        close frame, and the client would never learn the code.
        """
        self._transport.close()

    def abort(self) -> None:
        """Drop the connection without a word."""
        self._transport.abort()

    def _enqueue(self, frame: bytes, expires_at: float) -> None:
        self._queue.append((frame, expires_at))
        self._queued_bytes += len(frame)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_queue())

    async def _send_queue(self) -> None:
        with suppress(ConnectionError):
            while self._queue and not self._transport.is_closing():
                await self._drain()
                # Meanwhile closing may have emptied it, or the socket may have ended.
                if self._queue and not self._transport.is_closing():
                    self._write_next()
        self._sending = None

    def _write_next(self) -> None:
        frame, expires_at = self._queue.popleft()
        self._queued_bytes -= len(frame)
        if self._clock.monotonic() < expires_at:
            self._transport.write(frame)

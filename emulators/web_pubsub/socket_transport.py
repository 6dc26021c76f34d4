"""One WebSocket as the rest of the emulator sees it: write a frame, close, abort.

Frames go straight to the asyncio transport. aiohttp does the same for uncompressed frames, but
through a coroutine and an encoding per socket, and a fan-out would pay both a thousand times.
Invariant: writing never waits. What a slow client has not taken yet is bounded, and past the bound
the socket is given up, so that no client can hold up another or fill the memory.
"""

import asyncio
import contextlib

from aiohttp import web

MAX_UNSENT_BYTES = 32 * 1024 * 1024
CLOSE_SECONDS = 5.0
_MAX_REASON_BYTES = 123


class SocketTransport:
    """The outbound half of a WebSocket."""

    __slots__ = ("_closing", "_socket", "_transport")

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self._socket = socket
        self._transport = transport
        self._closing: asyncio.Task[bool] | None = None

    def write(self, frame: bytes) -> bool:
        """Write a frame; False says that the client does not keep up."""
        if self._closing is not None or self._transport.is_closing():
            return True  # the reader is about to notice; nothing was promised to a closing socket
        self._transport.write(frame)
        return self._transport.get_write_buffer_size() <= MAX_UNSENT_BYTES

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake; nothing is written after it."""
        if self._closing is None:
            message = reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore").encode()
            self._closing = asyncio.ensure_future(self._socket.close(code=code, message=message))

    def abort(self) -> None:
        """Drop the connection without a word."""
        self._transport.abort()

    async def wait_closed(self) -> None:
        """Wait for our own closing handshake, if there is one."""
        if self._closing is not None:
            with contextlib.suppress(ConnectionError):
                await self._closing

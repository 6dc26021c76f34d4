"""WebSockets for measuring a server: so bare that the server, not the client, is what is measured.

A socket counts bytes, or collects frames where the content matters. Invariant: no wait without a
limit, and a handshake that fails says what the server answered.
"""

import asyncio
import base64
import os
import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import Self, cast

LIMIT = 60.0
CONCURRENT = 64
_END_OF_HEAD = b"\r\n\r\n"
_TEXT = 0x81
_MASKED = 0x80
_MEDIUM, _LARGE = 126, 127


class Goal:
    """So many bytes on so many sockets; tells when all have them."""

    def __init__(self, sockets: "Sequence[Socket]", size: int) -> None:
        self._missing = len(sockets)
        self.reached = asyncio.Event()
        for socket in sockets:
            socket.expect(size, self._one_reached)

    def _one_reached(self) -> None:
        self._missing -= 1
        if not self._missing:
            self.reached.set()


class Socket(asyncio.Protocol):
    """A client's end of one WebSocket."""

    __slots__ = ("_expected", "_head", "_on_reached", "closed", "frames", "opened", "transport")

    def __init__(self, *, keep: bool = False) -> None:
        self.frames = bytearray() if keep else None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed = asyncio.Event()
        self.transport: asyncio.Transport | None = None
        self._head: bytes | None = b""
        self._expected = 0
        self._on_reached: Callable[[], None] | None = None

    @classmethod
    async def open(cls, port: int, target: str, protocol: str = "", *, keep: bool = False) -> Self:
        """Return a socket that is upgraded."""
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(lambda: cls(keep=keep), "127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: localhost:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            *([f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []),
        ]
        socket.write("\r\n".join(lines).encode() + _END_OF_HEAD)
        async with asyncio.timeout(LIMIT):
            await socket.opened
        return socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        """Count, and collect if that was asked for."""
        if self._head is not None:
            self._head += data
            head, end, data = self._head.partition(_END_OF_HEAD)
            if not end:
                return
            self._head = None
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self.opened.set_exception(RuntimeError(head.decode(errors="replace")))
                return
            self.opened.set_result(None)
        if self.frames is not None:
            self.frames += data
        self._expected -= len(data)
        if self._expected <= 0 and self._on_reached is not None and data:
            reached, self._on_reached = self._on_reached, None
            reached()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        self.closed.set()
        if not self.opened.done():
            self.opened.set_exception(RuntimeError(f"closed before the upgrade: {exc}"))

    def expect(self, size: int, on_reached: Callable[[], None]) -> None:
        """Call when so many bytes more have come."""
        self._expected = size
        self._on_reached = on_reached

    def write(self, data: bytes) -> None:
        """Write to the socket."""
        assert self.transport is not None
        self.transport.write(data)

    def send_text(self, text: bytes) -> None:
        """Write a text frame; its mask is zeros, which every server takes."""
        size = len(text)
        if size < _MEDIUM:
            header = struct.pack("!BB", _TEXT, _MASKED | size)
        else:
            header = struct.pack("!BBH", _TEXT, _MASKED | _MEDIUM, size)
        self.write(header + bytes(4) + text)

    def texts(self) -> list[bytes]:
        """Return the payloads of the whole frames that were collected."""
        assert self.frames is not None
        found, at = [], 0
        while at + 2 <= len(self.frames):
            size, start = self.frames[at + 1], at + 2
            if size == _MEDIUM:
                size, start = int.from_bytes(self.frames[start : start + 2]), start + 2
            elif size == _LARGE:
                size, start = int.from_bytes(self.frames[start : start + 8]), start + 8
            if start + size > len(self.frames):
                break
            found.append(bytes(self.frames[start : start + size]))
            at = start + size
        return found

    def drop(self) -> None:
        """End without a goodbye."""
        assert self.transport is not None
        self.transport.abort()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return the loop that the emulator uses too."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def gather_bounded[T](makers: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Do all, so many at a time."""
    gate = asyncio.Semaphore(CONCURRENT)

    async def one(make: Callable[[], Awaitable[T]]) -> T:
        async with gate:
            return await make()

    return await asyncio.gather(*[one(make) for make in makers])

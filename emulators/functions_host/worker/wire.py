"""The wire between the host and a worker: msgpack messages over a Unix socket.

Every message is an array whose first member is one of the tags below. msgpack and not pickle: a
worker runs code that the host must not have to trust, and unpickling is running code. Invariant:
messages of one side arrive in the order they were sent, and are written once per loop turn.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgpack  # type: ignore[import-untyped]  # msgpack ships neither types nor stubs

INVOKE = "invoke"
"""host to worker: id, function id, [[name, typed]], {name: typed}, trace parent, [retry, most]"""
RESULT = "result"
"""worker to host: id, ok, returned typed or nil, {name: typed}, error, stack"""
LOG = "log"
"""worker to host: invocation id or nil, level name, logger name, text"""
STARTED = "started"
"""worker to host: the process runs; indexing begins"""
READY = "ready"
"""worker to host: [function], as JSON-like maps; seconds that indexing took"""
FAILED = "failed"
"""worker to host: the app could not be indexed: message, stack"""
BLOCKED = "blocked"
"""worker to host: an async function held the event loop: function id, milliseconds, where"""

type Message = tuple[Any, ...]

_LIMIT = 2**31 - 1


class Channel(asyncio.Protocol):
    """One end of the wire."""

    def __init__(
        self, on_message: Callable[[Message], None], on_closed: Callable[[], None]
    ) -> None:
        self._on_message = on_message
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._packer = msgpack.Packer(unicode_errors="surrogatepass")
        self._unpacker = msgpack.Unpacker(
            use_list=False,
            strict_map_key=False,
            max_buffer_size=_LIMIT,
            unicode_errors="surrogatepass",
        )
        self._transport: asyncio.Transport | None = None
        self._waiting: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to write to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand on each complete message."""
        self._unpacker.feed(data)
        for message in self._unpacker:
            self._on_message(message)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner that the other side is gone."""
        del exc
        self._transport = None
        self._on_closed()

    def send(self, *message: Any) -> None:
        """Queue a message; all of one loop turn leave in one write, which halves the system calls.

        Raises:
            ValueError, TypeError, OverflowError: if the message cannot be packed.
        """
        self._waiting.append(self._packer.pack(message))
        if len(self._waiting) == 1:
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """Write what waits and close."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if self._transport is not None and waiting:
            self._transport.write(waiting[0] if len(waiting) == 1 else b"".join(waiting))

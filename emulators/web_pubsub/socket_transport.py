"""One WebSocket as the rest of the emulator sees it: write a frame, close, abort.

Frames go straight to the asyncio transport. aiohttp does the same for uncompressed frames, but
through a coroutine and an encoding per socket, and a fan-out would pay both a thousand times.
Invariant: writing never waits. What a slow client has not taken yet is bounded, and past the bound
the socket is given up, so that no client can hold up another or fill the memory. One close frame is
written, nothing after it, and a client that does not answer it is dropped in the end.
"""

import asyncio

from emulators.web_pubsub.wire import encode_close

MAX_UNSENT_BYTES = 32 * 1024 * 1024
CLOSE_SECONDS = 5.0


class SocketTransport:
    """The outbound half of a WebSocket."""

    __slots__ = ("_closing", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._closing = False

    def write(self, frame: bytes) -> bool:
        """Write a frame; False says that the client does not keep up."""
        if self._closing or self._transport.is_closing():
            return True  # the reader is about to notice; nothing was promised to a closing socket
        self._transport.write(frame)
        return self._transport.get_write_buffer_size() <= MAX_UNSENT_BYTES

    def close(self, code: int, reason: str = "") -> None:
        """Say goodbye, or answer it; the client has some seconds to take it."""
        if self._closing or self._transport.is_closing():
            return
        self._closing = True
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

"""Reads one socket until it ends, and hands what it says to the connection.

Invariant: the session learns how the socket ended (a close frame and its code, or a drop) and says
so to the connection exactly once; frames are read in order and never while the inbox is full.
"""

import contextlib
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from emulators.web_pubsub.codec import Codec, Malformed, MalformedFrameError, Request
from emulators.web_pubsub.connection import Connection
from emulators.web_pubsub.socket_transport import SocketTransport

NORMAL_CLOSURE = 1000
_NO_STATUS = 0
_ABNORMAL_CLOSURE = 1006


@dataclass(frozen=True, slots=True)
class _End:
    """How a socket ended."""

    code: int
    reason: str


async def run_session(
    connection: Connection, socket: web.WebSocketResponse, transport: SocketTransport
) -> None:
    """Serve an attached connection until its socket ends."""
    end = _End(_ABNORMAL_CLOSURE, "")
    try:
        end = await _read(connection, socket)
    finally:
        connection.detach(transport, end.code, end.reason)
        with contextlib.suppress(ConnectionError):
            await transport.wait_closed()


async def _read(connection: Connection, socket: web.WebSocketResponse) -> _End:
    while True:
        frame = await socket.receive()
        if frame.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
            return _end_of(frame.type, frame.data, frame.extra, socket)
        if connection.inbox is not None:
            await connection.inbox.put(_parse(connection.codec, frame.data))


def _parse(codec: Codec, data: str | bytes) -> Request:
    try:
        return codec.parse(data)
    except MalformedFrameError as error:
        return Malformed(error.close_code, str(error))


def _end_of(kind: WSMsgType, data: object, extra: object, socket: web.WebSocketResponse) -> _End:
    if kind is not WSMsgType.CLOSE:
        # aiohttp has answered an oversize or broken frame itself; or there was no goodbye at all.
        broken = kind is WSMsgType.ERROR and socket.close_code
        return _End(socket.close_code or 0, "") if broken else _End(_ABNORMAL_CLOSURE, "")
    # The service, being .NET, takes a close without a status for a normal one.
    code = data if isinstance(data, int) and data != _NO_STATUS else NORMAL_CLOSURE
    return _End(code, extra if isinstance(extra, str) else "")

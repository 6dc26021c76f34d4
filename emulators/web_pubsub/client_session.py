"""Reads one socket until it ends, and hands what it says to the connection.

Invariant: the session learns how the socket ended (a close frame and its code, or a drop) and says
so to the connection exactly once; frames are read in order and never while the inbox is full; and a
close that the service began is read on until the client has answered it.
"""

from dataclasses import dataclass

from aiohttp import WSMessage, WSMsgType, web

from emulators.web_pubsub.codec import Codec, Malformed, MalformedFrameError, Request
from emulators.web_pubsub.connection import Connection
from emulators.web_pubsub.socket_transport import SocketTransport

MAX_MESSAGE_BYTES = 1024 * 1024
# Read whole and then refused, so that the client is listening when it is told; beyond, just cut.
MAX_READ_BYTES = 4 * MAX_MESSAGE_BYTES
NORMAL_CLOSURE = 1000
_TOO_BIG = 1009
_ABNORMAL_CLOSURE = 1006
_MAX_BYTES_PER_CHARACTER = 4
_DATA = frozenset({WSMsgType.TEXT, WSMsgType.BINARY})


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
        end = await _read(connection, socket, transport)
        transport.close(end.code)
    finally:
        if transport.tap is not None:
            transport.tap.ended()
        connection.detach(transport, end.code, end.reason)
        transport.finish()


async def turn_away(
    socket: web.WebSocketResponse, transport: SocketTransport, code: int, reason: str
) -> None:
    """Close a socket that no connection will have, deaf to what it says until it has heard."""
    transport.close(code, reason)
    while (await socket.receive()).type in _DATA:
        pass
    transport.finish()


async def _read(
    connection: Connection, socket: web.WebSocketResponse, transport: SocketTransport
) -> _End:
    while True:
        message = await socket.receive()
        if message.type not in _DATA:
            return _end_of(message, socket)
        if connection.inbox is None:
            continue
        request = _parse(connection.codec, message.data)
        if transport.tap is not None:
            await transport.tap.inbound(message.data, request, connection.inbox)
        else:
            await connection.inbox.put(request)


def _parse(codec: Codec, data: str | bytes) -> Request:
    if _is_oversize(data):
        return Malformed(_TOO_BIG, "The message is larger than 1 MiB.")
    try:
        return codec.parse(data)
    except MalformedFrameError as error:
        return Malformed(error.close_code, str(error))


def _is_oversize(data: str | bytes) -> bool:
    if len(data) * _MAX_BYTES_PER_CHARACTER <= MAX_MESSAGE_BYTES:
        return False
    return len(data.encode() if isinstance(data, str) else data) > MAX_MESSAGE_BYTES


def _end_of(message: WSMessage, socket: web.WebSocketResponse) -> _End:
    if message.type is WSMsgType.CLOSE:
        # The service, being .NET, takes a close without a status (0 here) for a normal one.
        return _End(int(message.data) or NORMAL_CLOSURE, message.extra or "")
    # aiohttp has closed for a frame that breaks the protocol; or there was no goodbye at all.
    refused = message.type is WSMsgType.ERROR and socket.close_code
    return _End(socket.close_code or _ABNORMAL_CLOSURE if refused else _ABNORMAL_CLOSURE, "")

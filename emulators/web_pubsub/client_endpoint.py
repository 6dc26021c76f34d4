"""The client endpoint: from the HTTP request to an activated connection, and on to its session.

Invariant: whatever is refused is refused before the upgrade, with one exception that the protocol
asks for: a recovery that fails is upgraded and closed with 1008, which tells clients to start anew.
"""

import logging

from aiohttp import hdrs, web

from emulators.web_pubsub.client_session import MAX_READ_BYTES, run_session, turn_away
from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.codec import Codec
from emulators.web_pubsub.connect_reply import ConnectReply
from emulators.web_pubsub.connect_request import connect_request_body
from emulators.web_pubsub.connection import Connection, new_connection_id
from emulators.web_pubsub.emulator import Emulator
from emulators.web_pubsub.events import EventContext
from emulators.web_pubsub.fault_refusals import refuse_on_request
from emulators.web_pubsub.handshake import (
    Handshake,
    Recovery,
    read_handshake,
    read_hub,
    read_recovery,
)
from emulators.web_pubsub.permissions import Permissions
from emulators.web_pubsub.raw_codec import RawCodec
from emulators.web_pubsub.socket_transport import SocketTransport
from emulators.web_pubsub.subprotocols import SUPPORTED, find_offered, first_supported
from emulators.web_pubsub.upstream import ConnectRefusedError

_POLICY_VIOLATION = 1008
_CLIENT_ERROR, _BEYOND_ERRORS = 400, 600
_log = logging.getLogger(__name__)


class ClientEndpoint:
    """Answers the paths where clients connect."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one client for as long as its socket lives."""
        hub = read_hub(request)
        recovery = read_recovery(request, hub)
        if recovery is not None:
            return await self._recover(request, recovery)
        emulator = self._emulator
        handshake = read_handshake(
            request, hub, emulator.keys, emulator.clock, emulator.authorities
        )
        identity = handshake.identity
        refuse_on_request(emulator.faults, hub, identity.groups, identity.user_id, None)
        return await self._connect(request, handshake)

    async def _connect(self, request: web.Request, handshake: Handshake) -> web.StreamResponse:
        context = self._emulator.event_context(
            handshake.hub, new_connection_id(), handshake.identity.user_id, None
        )
        reply = await self._ask_handler(request, handshake, context)
        chosen = _choose_subprotocol(handshake, reply)
        permissions = Permissions(handshake.identity.roles if reply.roles is None else reply.roles)
        context.subprotocol = chosen
        context.user_id = reply.user_id or handshake.identity.user_id
        socket, transport = await _upgrade(request, chosen, self._emulator.clock)
        groups = handshake.identity.groups if reply.groups is None else reply.groups
        codec = _codec(chosen, handshake.raw)
        connection = self._emulator.activate(context, codec, permissions, groups)
        return await self._serve(connection, socket, transport)

    async def _ask_handler(
        self, request: web.Request, handshake: Handshake, context: EventContext
    ) -> ConnectReply:
        try:
            body = connect_request_body(request, handshake)
            return await self._emulator.upstream.connect(context, body)
        except ConnectRefusedError as refusal:
            # A redirect or the like would mean something to the client that nobody meant.
            passable = _CLIENT_ERROR <= refusal.status < _BEYOND_ERRORS
            text = "The connect event handler refused the connection."
            return _refuse(refusal.status if passable else 500, text)

    async def _recover(self, request: web.Request, recovery: Recovery) -> web.StreamResponse:
        connection = self._find_recoverable(recovery)
        groups, user_id = (connection.groups, connection.user_id) if connection else ((), None)
        refuse_on_request(
            self._emulator.faults, recovery.hub, groups, user_id, recovery.connection_id
        )
        wanted = connection.subprotocol if connection else first_supported(recovery.offered)
        # A connection keeps its subprotocol, whatever is offered when it is taken up again.
        chosen = find_offered(recovery.offered, wanted or "") or wanted
        socket, transport = await _upgrade(request, chosen, self._emulator.clock)
        # Looked up again: the upgrade waited, and meanwhile its time may have run out.
        if connection is None or not connection.recoverable:
            reason = "The connection cannot be recovered."
            await turn_away(socket, transport, _POLICY_VIOLATION, reason)
            return socket
        return await self._serve(connection, socket, transport)

    def _find_recoverable(self, recovery: Recovery) -> Connection | None:
        tokens = self._emulator.reconnection_tokens
        if not tokens.verify(recovery.token, recovery.hub, recovery.connection_id):
            return None
        connections = self._emulator.hub(recovery.hub).connections
        connection = connections.get(recovery.connection_id)
        return connection if connection is not None and connection.recoverable else None

    async def _serve(
        self,
        connection: Connection,
        socket: web.WebSocketResponse,
        transport: SocketTransport,
    ) -> web.StreamResponse:
        token = None
        if connection.recoverable:
            hub = connection.events.hub
            token = self._emulator.reconnection_tokens.issue(hub, connection.id)
        self._emulator.wiretap.opened(connection, transport)
        connection.attach(transport, token)
        await run_session(connection, socket, transport)
        return socket


def _choose_subprotocol(handshake: Handshake, reply: ConnectReply) -> str | None:
    if reply.subprotocol is None:
        return first_supported(handshake.offered)
    chosen = find_offered(handshake.offered, reply.subprotocol)
    if chosen is None:
        _log.warning("the connect handler chose %r, which was not offered", reply.subprotocol)
        _refuse(500, "The connect event handler chose a subprotocol that was not offered.")
    return chosen


def _codec(subprotocol: str | None, raw: RawCodec) -> Codec:
    return SUPPORTED.get((subprotocol or "").lower(), raw)


def _refuse(status: int, text: str) -> ConnectReply:
    error = web.HTTPException(text=text)
    error.set_status(status)
    raise error


async def _upgrade(
    request: web.Request, subprotocol: str | None, clock: Clock
) -> tuple[web.WebSocketResponse, SocketTransport]:
    socket = web.WebSocketResponse(
        max_msg_size=MAX_READ_BYTES,
        autoclose=False,  # the session answers a close itself, once, and waits for the client's
        compress=False,  # frames are shared between sockets, and written past aiohttp's compressor
    )
    if subprotocol is not None:  # aiohttp itself would answer only what was offered
        socket.headers[hdrs.SEC_WEBSOCKET_PROTOCOL] = subprotocol
    transport = request.transport
    try:
        await socket.prepare(request)
    except ConnectionResetError:
        transport = None
    if transport is None:  # the client did not wait for the handler; nobody will read this
        raise web.HTTPBadRequest(text="The client has gone.")
    return socket, SocketTransport(transport, request.writer.drain, clock)

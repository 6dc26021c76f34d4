"""The broker on a socket: one event loop, one turn for all that arrived in it.

Invariants: a turn is read, apply, hand out, commit, write; what one peer does not read stops what it is
given, and nobody else.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator

from emulators.service_bus.errors import RESOURCE_LIMIT
from emulators.service_bus.protocol.connection import Connection
from emulators.service_bus.protocol.hub import Hub

_LEAST_BEAT_SECONDS = 1.0
_HOUSEKEEPING_SECONDS = 5.0
_IDLE_GRACE = 1.5  # of the time-out that was offered
_log = logging.getLogger("service_bus.server")


class _Peer(asyncio.Protocol):
    """One socket."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._connection: Connection | None = None
        self.heard_at = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP server's always is
        self._transport = transport
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = Connection(self._server.hub, transport.write, transport.close)
        self._server.peers.add(self)

    def data_received(self, data: bytes) -> None:
        self.heard_at = time.monotonic()
        if self._connection:
            self._connection.feed(data)
            self._server.turn_soon()

    def pause_writing(self) -> None:
        if self._connection:
            self._connection.is_congested = True

    def resume_writing(self) -> None:
        if self._connection:
            self._connection.relieved()
            self._server.turn_soon()

    def connection_lost(self, _error: Exception | None) -> None:
        self._server.peers.discard(self)
        if self._connection:
            self._connection.lost()
            self._server.turn_soon()

    def keep_house(self, now: float, idle_seconds: float) -> None:
        """Say that we live, and end a peer that has not said so for too long."""
        connection = self._connection
        if connection is None:
            return
        if now - self.heard_at > idle_seconds * _IDLE_GRACE:
            connection.fail(RESOURCE_LIMIT, "nothing was heard for longer than the idle time-out")
            connection.flush()
        elif connection.peer_idle_ms:
            connection.beat()

    @property
    def idle_ms(self) -> int:
        """How long the peer waits for a sign of life; 0 when it does not mind."""
        return self._connection.peer_idle_ms if self._connection else 0


class Server:
    """A broker that listens."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.peers: set[_Peer] = set()
        self._loop = asyncio.get_running_loop()
        self._turn_is_due = False
        self._timer: asyncio.TimerHandle | None = None

    @contextlib.asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[int]:
        """Listen until the block ends; gives the port."""
        listener = await self._loop.create_server(lambda: _Peer(self), host, port)
        keeper = asyncio.create_task(self._keep_house())
        self._set_timer()
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
            keeper.cancel()
            for peer in list(self.peers):
                peer.connection_lost(None)
            self.hub.turn()

    def turn_soon(self) -> None:
        """End the turn once all sockets that have something were read."""
        if not self._turn_is_due:
            self._turn_is_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turn_is_due = False
        self.hub.turn()
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        due = self.hub.broker.next_due()
        if due is not None:
            self._timer = self._loop.call_later(max(due - time.time(), 0), self._turn)

    async def _keep_house(self) -> None:
        idle_seconds = self.hub.terms.idle_ms / 1000
        while True:
            waits = [peer.idle_ms / 3000 for peer in self.peers if peer.idle_ms]
            pause = max(min([_HOUSEKEEPING_SECONDS, *waits]), _LEAST_BEAT_SECONDS)
            await asyncio.sleep(pause)
            now = time.monotonic()
            for peer in list(self.peers):
                peer.keep_house(now, idle_seconds)

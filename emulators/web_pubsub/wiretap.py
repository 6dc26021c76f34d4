"""Sits on the wires of clients while there is a fault for frames or somebody who watches.

A tap is fitted to every attached socket when the first of these begins, to each new socket while
one lasts, and taken off after the last has ended and nothing is held any more; between times a
socket has none. Invariant: with no fault a tapped wire carries the same frames in the same order.
"""

from collections.abc import Callable, Iterable
from typing import Any

from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.codec import Request
from emulators.web_pubsub.connection import SLOW_CLIENT, Connection
from emulators.web_pubsub.faults import Faults
from emulators.web_pubsub.frame_kinds import kind_of_frame, kind_of_request
from emulators.web_pubsub.inbox import Inbox
from emulators.web_pubsub.line import Line
from emulators.web_pubsub.socket_transport import MAX_UNSENT_BYTES, SocketTransport
from emulators.web_pubsub.trace import Trace
from emulators.web_pubsub.wire import payload_of

MAX_HELD_INBOUND_BYTES = 1024 * 1024
OUT, IN = "out", "in"


class Wiretap:
    """Fits taps and takes them off."""

    def __init__(
        self,
        faults: Faults,
        trace: Trace,
        clock: Clock,
        connections: Callable[[], Iterable[Connection]],
    ) -> None:
        self.faults = faults
        self.trace = trace
        self.clock = clock
        self._connections = connections
        faults.on_change = trace.on_change = self._refit

    @property
    def needed(self) -> bool:
        """Whether frames are to be looked at."""
        return self.trace.watched or self.faults.on_the_wire

    def opened(self, connection: Connection, transport: SocketTransport) -> None:
        """Sit on a new socket's wire, if that is needed."""
        if self.needed:
            transport.tap = SocketTap(self, connection, transport)
            self.trace.record(connection, OUT, "opened", connection.subprotocol or "raw")

    def _refit(self) -> None:
        needed = self.needed
        for connection in self._connections():
            transport = connection.transport
            if transport is None:
                continue
            if needed and transport.tap is None:
                transport.tap = SocketTap(self, connection, transport)
            elif not needed and isinstance(transport.tap, SocketTap):
                transport.tap.take_off()


class SocketTap:
    """The tap of one socket."""

    __slots__ = ("_connection", "_in", "_out", "_transport", "_wiretap")

    def __init__(
        self, wiretap: Wiretap, connection: Connection, transport: SocketTransport
    ) -> None:
        self._wiretap = wiretap
        self._connection = connection
        self._transport = transport
        self._out = Line(self._put, wiretap.clock)
        self._in = Line(self._accept, wiretap.clock)

    def outbound(self, frame: bytes, expires_at: float) -> bool:
        """Take a frame for the client; False says that too much is held for it."""
        payload = payload_of(frame)
        kind = kind_of_frame(self._connection.codec.wire_format, payload)
        verdict = self._wiretap.faults.judge(self._connection, kind)
        self._wiretap.trace.record(self._connection, OUT, kind, payload, verdict.by)
        self._out.carry((frame, expires_at), len(frame), verdict)
        self._stay_while_holding(self._out)
        return self._out.held_bytes <= MAX_UNSENT_BYTES

    async def inbound(self, data: str | bytes, request: Request, inbox: Inbox) -> None:
        """Take a frame of the client, and read on only while little is held."""
        kind = kind_of_request(request)
        verdict = self._wiretap.faults.judge(self._connection, kind)
        self._wiretap.trace.record(self._connection, IN, kind, data, verdict.by)
        await inbox.room_for(request)
        self._in.carry((request, inbox), len(data), verdict)
        self._stay_while_holding(self._in)
        if self._in.held_bytes > MAX_HELD_INBOUND_BYTES:
            await self._in.emptied()

    def closing(self, code: int, reason: str) -> None:
        """Let go of what is held for the client, because the close frame comes next."""
        self._out.flush()
        self._wiretap.trace.record(self._connection, OUT, f"close {code}", reason)

    def ended(self) -> None:
        """Let go of what the client had sent before its socket ended."""
        self._in.flush()
        self._wiretap.trace.record(self._connection, IN, "ended")

    def take_off(self) -> None:
        """Leave the wire, unless something is held: that goes first."""
        if self._out.empty and self._in.empty and not self._wiretap.needed:
            self._transport.tap = None

    def _stay_while_holding(self, line: Line[Any]) -> None:
        """The verdict on this very frame may have been the fault's last: nobody may overtake it."""
        if not line.empty:
            self._transport.tap = self

    def _put(self, item: tuple[bytes, float]) -> None:
        if not self._transport.put(*item):
            self._connection.give_up(SLOW_CLIENT)
        self._after_emission()

    def _accept(self, item: tuple[Request, Inbox]) -> None:
        request, inbox = item
        inbox.accept(request)
        self._after_emission()

    def _after_emission(self) -> None:
        if not self._wiretap.needed:
            self.take_off()

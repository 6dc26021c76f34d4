"""One connection, without its socket: bytes in, bytes out.

Invariants: whatever arrives, the connection answers in AMQP's words or ends with an error in them; it
never raises. What it has to say waits until `flush`, which comes after the commit.
"""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from emulators.amqp import frames
from emulators.amqp.decoder import DecodeError
from emulators.amqp.frames import Frame, FrameReader
from emulators.amqp.performatives import (
    Attach,
    Begin,
    Close,
    Detach,
    Disposition,
    End,
    Flow,
    Open,
    Performative,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    Transfer,
    error,
)
from emulators.amqp.types import Array, Symbol
from emulators.service_bus.errors import DECODE_ERROR, NOT_ALLOWED, RESOURCE_LIMIT
from emulators.service_bus.protocol.channel import Channel
from emulators.service_bus.protocol.claims import Access

if TYPE_CHECKING:
    from emulators.service_bus.protocol.hub import Hub

_MECHANISMS = [Symbol(each) for each in ("MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL")]
_LEAST_FRAME_BYTES = 512
_MAX_CHANNELS = 256
_HTTP = (b"GET ", b"HEAD")
_log = logging.getLogger("service_bus.connection")


class Connection:
    """The state of one connection. `write` and `hang_up` are its socket's."""

    def __init__(
        self, hub: "Hub", write: Callable[[bytes], None], hang_up: Callable[[], None]
    ) -> None:
        self.hub = hub
        self.access = Access(hub.terms.keys)
        self.name = "?"
        self.peer_frame_bytes = _LEAST_FRAME_BYTES
        self.peer_idle_ms = 0
        self.is_congested = False
        self._write = write
        self._hang_up = hang_up
        self._reader = FrameReader(hub.terms.max_frame_bytes)
        self._out: list[bytes] = []
        self._channels: dict[int, Channel] = {}
        self._has_header = False
        self._in_sasl = False
        self._is_open = False
        self._ends = False
        hub.connections.add(self)

    # Bytes in and out

    def feed(self, data: bytes) -> None:
        """Take bytes from the socket."""
        if self._ends:
            return
        self._reader.feed(data)
        self.hub.touch(self)
        try:
            if not self._has_header and not self._take_header():
                return
            for frame in self._reader:
                self._on_frame(frame)
                if self._ends:
                    return
                if not self._has_header and not self._take_header():
                    return
        except (DecodeError, TypeError, ValueError, AttributeError) as fault:
            # A field of the wrong type shows where it is used; the peer is at fault either way.
            _log.info("%s sent what cannot be read: %r", self.name, fault)
            self.fail(DECODE_ERROR, str(fault) or repr(fault))

    def send(self, body: Performative, channel: int = 0, payload: bytes = b"") -> None:
        """Send a frame at the end of the turn."""
        self._out.append(frames.frame(body, channel, payload))
        self.hub.touch(self)

    def flush(self) -> None:
        """Hand over to the socket what there is to say."""
        if self._out:
            said, self._out = b"".join(self._out), []
            self._write(said)
        if self._ends:
            self._hang_up()

    @property
    def is_open(self) -> bool:
        """Whether it counts as a connection."""
        return self._is_open and not self._ends

    def beat(self) -> None:
        """A sign of life, so that the peer does not take us for dead."""
        if self.is_open:
            self._write(frames.EMPTY_FRAME)

    def relieved(self) -> None:
        """The socket takes bytes again: who waited for that may be given messages."""
        self.is_congested = False
        for channel in self._channels.values():
            for link in channel.links.values():
                link.wake()

    def fail(self, condition: str, description: str) -> None:
        """End the connection with an error."""
        if self._is_open:
            self.send(Close(error=error(condition, description)))
        self._end(clean=False)

    def lost(self) -> None:
        """The socket is gone."""
        self._end(clean=False)
        self.hub.connections.discard(self)

    def _end(self, *, clean: bool) -> None:
        self._ends = True
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            channel.end(clean=clean)

    # The beginning

    def _take_header(self) -> bool:
        """Answer a protocol header; False while it is not there, or when the connection ends."""
        header = self._reader.take(frames.HEADER_LENGTH)
        if header is None:
            return False
        if header[:4] in _HTTP:
            self._answer_http(with_body=header[:4] == _HTTP[0])
            return False
        if header == frames.SASL_HEADER:
            self._in_sasl = True
            offer = SaslMechanisms(mechanisms=Array("symbol", list(_MECHANISMS)))
            self._out.append(header + frames.sasl_frame(offer))
        else:
            # AMQP's answer to a header that is not ours is the one that is.
            self._out.append(frames.AMQP_HEADER)
            if header != frames.AMQP_HEADER:
                self._end(clean=True)
                return False
        self._has_header = True
        return True

    def _answer_http(self, *, with_body: bool) -> None:
        """The health check, on the same port: whoever speaks HTTP here wants to know whether we live."""
        body = b'{"status": "healthy"}'
        head = (
            f"HTTP/1.1 {HTTPStatus.OK.value} OK\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        ).encode()
        self._out.append(head + (body if with_body else b""))
        self._end(clean=True)

    def _on_frame(self, frame: Frame) -> None:
        body = frame.body
        if body is None:
            return
        if self._in_sasl:
            self._on_sasl(body)
        elif isinstance(body, Open):
            self._on_open(body)
        elif not self._is_open:
            raise DecodeError("the connection is not open yet")
        elif isinstance(body, Close):
            self.send(Close())
            self._end(clean=True)
        elif isinstance(body, Begin):
            self._on_begin(frame.channel, body)
        else:
            self._on_channel_frame(frame.channel, body, frame.payload)

    def _on_sasl(self, body: Performative) -> None:
        """Every offered mechanism is let in: what counts are the tokens that come later."""
        if not isinstance(body, SaslInit):
            raise DecodeError("SASL begins with an init")
        code = 0 if body.mechanism in _MECHANISMS else 1
        self._out.append(frames.sasl_frame(SaslOutcome(code=code)))
        self._in_sasl = False
        self._has_header = False
        if code:
            self._end(clean=True)

    def _on_open(self, body: Open) -> None:
        self.name = str(body.container_id)[:100]
        terms = self.hub.terms
        size = int(body.max_frame_size or 2**32 - 1)
        self.peer_frame_bytes = max(min(size, terms.max_frame_bytes), _LEAST_FRAME_BYTES)
        self.peer_idle_ms = int(body.idle_time_out or 0)
        self._is_open = True
        self.send(
            Open(
                container_id=f"service-bus-emulator-{uuid4().hex[:12]}",
                max_frame_size=terms.max_frame_bytes,
                channel_max=_MAX_CHANNELS - 1,
                idle_time_out=terms.idle_ms,
            )
        )
        if sum(each.is_open for each in self.hub.connections) > terms.max_connections:
            self.fail(RESOURCE_LIMIT, f"there are {terms.max_connections} connections already")

    # Sessions

    def _on_begin(self, number: int, body: Begin) -> None:
        if number in self._channels or number >= _MAX_CHANNELS:
            self.fail(NOT_ALLOWED, f"channel {number} is in use or too high")
            return
        channel = self._channels[number] = Channel(self, number, body)
        channel.send(channel.opened())

    def _on_channel_frame(self, number: int, body: Performative, payload: bytes) -> None:
        channel = self._channels.get(number)
        if channel is None:
            return  # of a session that has just ended
        if isinstance(body, End):
            del self._channels[number]
            channel.end(clean=True)
            self.send(End(), number)
            return
        handler: Any = _HANDLERS.get(type(body))
        if handler is None:
            raise DecodeError(f"{type(body).__name__} has no place here")
        if isinstance(body, Transfer):
            channel.on_transfer(body, payload)
        else:
            handler(channel, body)


_HANDLERS: dict[type[Performative], Callable[..., None]] = {
    Attach: Channel.on_attach,
    Flow: Channel.on_flow,
    Transfer: Channel.on_transfer,
    Disposition: Channel.on_disposition,
    Detach: Channel.on_detach,
}

"""One logical connection: who it is, what it may do, and its way out to the client.

A connection is attached to a socket, or (reliable only) detached and waiting to be recovered, or
removed. Invariant: ``remove`` runs once, after which nothing is delivered; the hub's indexes and
this object change together, because only ``Hub`` touches ``groups``.
"""

import secrets
from collections.abc import Callable

from emulators.web_pubsub.acks import AckCache, AckQueue
from emulators.web_pubsub.clock import Clock, Timer
from emulators.web_pubsub.codec import Codec
from emulators.web_pubsub.events import EventContext
from emulators.web_pubsub.inbox import Inbox
from emulators.web_pubsub.messages import NEVER, Message
from emulators.web_pubsub.permissions import Permissions
from emulators.web_pubsub.reliable import BufferOverflowError, ReliableBuffer
from emulators.web_pubsub.socket_transport import SocketTransport

RETENTION_SECONDS = 30.0
SLOW_CLIENT = "The client does not keep up with its messages."
NOT_RECOVERED = "The connection was dropped and not recovered in time."
_NORMAL_CLOSURE = 1000
type Removal = Callable[["Connection", str], None]


def new_connection_id() -> str:
    """Return an id that nobody can guess."""
    return secrets.token_urlsafe(16)


class Connection:
    """A client, for as long as it can be reached or can come back."""

    __slots__ = (
        "_answers",
        "_expiry",
        "_forgotten",
        "_on_removed",
        "_removed",
        "acks",
        "buffer",
        "clock",
        "codec",
        "events",
        "groups",
        "id",
        "inbox",
        "permissions",
        "subprotocol",
        "transport",
        "user_id",
    )

    def __init__(
        self,
        events: EventContext,
        codec: Codec,
        permissions: Permissions,
        *,
        on_removed: Removal,
        clock: Clock | None = None,
    ) -> None:
        self.events = events
        self.id = events.connection_id
        self.user_id = events.user_id
        self.subprotocol = events.subprotocol
        self.codec = codec
        self.permissions = permissions
        self.groups: set[str] = set()
        self.acks = AckCache()
        self.clock = clock or Clock()
        self.buffer = ReliableBuffer(self.clock.monotonic) if codec.reliable else None
        self.transport: SocketTransport | None = None
        self.inbox: Inbox | None = None
        self._answers = AckQueue(self.write)
        self._on_removed = on_removed
        self._removed = False
        self._forgotten = False
        self._expiry: Timer | None = None

    @property
    def recoverable(self) -> bool:
        """Whether a client may still take this connection up again."""
        return self.buffer is not None and not self._removed and not self._forgotten

    def deliver(self, message: Message) -> None:
        """Send a message now, or keep it for a reliable client that is away."""
        rendered = message.rendered_by(self.codec)
        if self.buffer is None:
            self.write(rendered.frame, message.expires_at)
            return
        try:
            sequence_id = self.buffer.append(rendered, message.expires_at)
        except BufferOverflowError:
            self.give_up(SLOW_CLIENT)
            return
        if self.transport is not None:
            self.write(self.codec.sequenced(rendered, sequence_id), message.expires_at)

    def write(self, frame: bytes | None, expires_at: float = NEVER) -> None:
        """Write a frame; nobody there means nobody told."""
        transport = self.transport
        if frame is not None and transport is not None and not transport.write(frame, expires_at):
            self.give_up(SLOW_CLIENT)

    def answer(self, ack: bytes | None) -> None:
        """Answer a request; None is the ack of a subprotocol without acks."""
        if ack is not None:
            self._answers.put(ack)

    def acknowledge(self, sequence_id: int) -> None:
        """Release what a reliable client says it has; from others it means nothing."""
        if self.buffer is not None:
            self.buffer.acknowledge(sequence_id)

    def attach(self, transport: SocketTransport, reconnection_token: str | None) -> None:
        """Take a socket, greet, and replay what it has not acknowledged, before anything newer."""
        self._cancel_expiry()
        if self.transport is not None:
            self.transport.abort()  # half-open: its client is the one that is back already
        self.transport = transport
        self.write(self.codec.connected(self.id, self.user_id, reconnection_token))
        for sequence_id, rendered, expires_at in self.buffer or ():
            self.write(self.codec.sequenced(rendered, sequence_id), expires_at)

    def detach(self, transport: SocketTransport, close_code: int | None, reason: str) -> None:
        """Note the end of a socket: removal, unless it was a drop that can be recovered from."""
        if transport is not self.transport:
            return  # a newer socket has taken over, and fences the old one off
        self.transport = None
        if close_code == _NORMAL_CLOSURE or not self.recoverable:
            self.remove(reason)
        else:
            self._expiry = self.clock.call_later(RETENTION_SECONDS, self.remove, NOT_RECOVERED)

    def close(self, code: int, message: str) -> None:
        """End the connection from the service's side, telling the client why if it can be told."""
        if self._removed:
            return
        transport = self.transport
        self._answers.flush()
        self.write(self.codec.disconnected(message))
        self.remove(message)
        if transport is not None:
            transport.close(code, message)

    def drop(self, code: int, reason: str) -> None:
        """Close the socket and keep the connection, if it is one that can be recovered."""
        transport = self.transport
        if transport is not None:
            self._answers.flush()
            self.detach(transport, None, reason)
            transport.close(code, reason)

    def forget(self) -> None:
        """Lose what a recovery needs, as a service does that has moved a client's state away."""
        if self.buffer is None:
            return
        self._forgotten = True
        self.buffer.acknowledge(self.buffer.last_sequence_id)
        if self.transport is None:
            self.remove(NOT_RECOVERED)

    def give_up(self, reason: str) -> None:
        """End the connection without a word; for a client that does not read what we write."""
        transport = self.transport
        self.remove(reason)
        if transport is not None:
            transport.abort()

    def remove(self, reason: str) -> None:
        """Forget the connection for good."""
        if self._removed:
            return
        self._removed = True
        self.transport = None
        self._cancel_expiry()
        if self.inbox is not None:
            self.inbox.close()
        self._on_removed(self, reason)

    def _cancel_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

"""The seam between a subprotocol and everything behind it: what clients ask, how we answer.

A new subprotocol (protobuf, say) is one more ``Codec``; nothing behind it knows how frames look.
Invariant: codecs hold no state of a connection and never touch a socket.
"""

from dataclasses import dataclass
from typing import Protocol

from emulators.web_pubsub.messages import Content, Message, Rendered


@dataclass(frozen=True, slots=True)
class JoinGroup:
    """Become a member of a group."""

    group: str
    ack_id: int | None


@dataclass(frozen=True, slots=True)
class LeaveGroup:
    """Stop being a member of a group."""

    group: str
    ack_id: int | None


@dataclass(frozen=True, slots=True)
class SendToGroup:
    """Publish to a group, with or without hearing it oneself."""

    group: str
    content: Content
    no_echo: bool
    ack_id: int | None
    ttl_seconds: int = 0


@dataclass(frozen=True, slots=True)
class SendEvent:
    """Raise an event for the upstream handler."""

    event: str
    content: Content
    ack_id: int | None


@dataclass(frozen=True, slots=True)
class Ping:
    """Ask for a pong."""


@dataclass(frozen=True, slots=True)
class SequenceAck:
    """Release everything up to this sequence id from the reliable buffer."""

    sequence_id: int


@dataclass(frozen=True, slots=True)
class Malformed:
    """A frame that ends the connection; queued like any other, so what came before still counts."""

    close_code: int
    message: str


type Request = JoinGroup | LeaveGroup | SendToGroup | SendEvent | Ping | SequenceAck | Malformed


@dataclass(frozen=True, slots=True)
class AckError:
    """Why a request failed, as the client will read it."""

    name: str
    message: str


class MalformedFrameError(ValueError):
    """A frame that the subprotocol does not allow."""

    def __init__(self, message: str, close_code: int = 1007) -> None:
        super().__init__(message)
        self.close_code = close_code


class Codec(Protocol):
    """One subprotocol. A method that returns None says: this subprotocol has no such frame."""

    @property
    def wire_format(self) -> str:
        """Name shared by all codecs whose renderings are interchangeable."""
        ...

    @property
    def reliable(self) -> bool:
        """Whether messages are numbered, buffered and replayed after a drop."""
        ...

    @property
    def acknowledges(self) -> bool:
        """Whether a failure is answered with a frame; if not, it closes the connection."""
        ...

    def parse(self, data: str | bytes) -> Request:
        """Return what the client asks for, or raise MalformedFrameError."""
        ...

    def render(self, message: Message) -> Rendered:
        """Return a message without a sequence id."""
        ...

    def sequenced(self, rendered: Rendered, sequence_id: int) -> bytes:
        """Return the frame of a rendered message with its sequence id."""
        ...

    def connected(
        self, connection_id: str, user_id: str | None, reconnection_token: str | None
    ) -> bytes | None:
        """Return the first frame of a connection."""
        ...

    def disconnected(self, message: str) -> bytes | None:
        """Return the last frame before the service closes."""
        ...

    def ack(self, ack_id: int, error: AckError | None) -> bytes | None:
        """Return the answer to a request that asked for one."""
        ...

    def pong(self) -> bytes | None:
        """Return the answer to a ping."""
        ...

"""Clients without a Web PubSub subprotocol: every frame is an event, or a message to one group.

Invariant: frames carry payloads only, so there is no ack, no connected frame and no metadata.
"""

from dataclasses import dataclass

from emulators.web_pubsub.codec import AckError, Request, SendEvent, SendToGroup
from emulators.web_pubsub.messages import Content, DataType, Message, Rendered
from emulators.web_pubsub.wire import BINARY, TEXT

_TEXTUAL = {DataType.TEXT, DataType.JSON}


@dataclass(frozen=True, slots=True)
class RawCodec:
    """Raw framing; ``group`` set means the mode ``sendToGroup``."""

    group: str | None = None
    no_echo: bool = False
    wire_format = "raw"
    reliable = False
    acknowledges = False

    def parse(self, data: str | bytes) -> Request:
        """Return the event or the group message that this frame stands for."""
        if isinstance(data, str):
            content = Content(DataType.TEXT, data.encode())
        else:
            content = Content(DataType.BINARY, data)
        if self.group is None:
            return SendEvent("message", content, None)
        return SendToGroup(self.group, content, self.no_echo, None)

    def render(self, message: Message) -> Rendered:
        """Return the bare payload in a frame of its kind."""
        content = message.content
        return Rendered(TEXT if content.data_type in _TEXTUAL else BINARY, content.payload)

    def sequenced(self, rendered: Rendered, sequence_id: int) -> bytes:  # noqa: ARG002 - raw frames have no room for it
        """Return the plain frame."""
        return rendered.frame

    def connected(
        self,
        connection_id: str,
        user_id: str | None,
        reconnection_token: str | None,
    ) -> None:
        """Raw clients get no connected frame."""

    def disconnected(self, message: str) -> None:
        """Raw clients get only the close."""

    def ack(self, ack_id: int, error: AckError | None) -> None:
        """Raw clients get no acks."""

    def pong(self) -> None:
        """Raw clients have no ping."""

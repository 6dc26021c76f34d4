"""The subprotocols ``protobuf.webpubsub.azure.v1`` and ``protobuf.reliable.webpubsub.azure.v1``.

Invariant: both render a message alike; reliability only puts a sequence id behind.
"""

from dataclasses import dataclass
from typing import Any

from emulators.web_pubsub.codec import AckError, MalformedFrameError, Request
from emulators.web_pubsub.messages import Content, DataType, Message, Rendered
from emulators.web_pubsub.protobuf_frames import parse_protobuf_frame
from emulators.web_pubsub.protobuf_schema import Data, Downstream, Payload, Sealed, is_any
from emulators.web_pubsub.wire import BINARY, encode_frame


@dataclass(frozen=True, slots=True)
class ProtobufCodec:
    """Protobuf binary frames, numbered when reliable."""

    reliable: bool = False
    wire_format = "protobuf"
    acknowledges = True

    def parse(self, data: str | bytes) -> Request:
        """Return what a binary frame asks for; a text frame has no meaning here."""
        if isinstance(data, str):
            raise MalformedFrameError("Text frames are not supported.", 1003)
        return parse_protobuf_frame(data)

    def render(self, message: Message) -> Rendered:
        """Return the message frame that every protobuf client of one fan-out shares."""
        content = message.content
        data = Data(sender="server", data=_payload(content))
        if message.group is not None:  # who sent it, this subprotocol does not tell
            data.sender, data.group = "group", message.group
        for key, value in content.metadata.items():
            data.metadata.add(key=key, value=value)
        return Rendered(BINARY, Downstream(data=data).SerializeToString())

    def sequenced(self, rendered: Rendered, sequence_id: int) -> bytes:
        """Return the shared rendering with one connection's number appended to its data."""
        data = Sealed.FromString(rendered.payload).data
        number = Data(sequence_id=sequence_id).SerializeToString()
        return encode_frame(BINARY, Sealed(data=data + number).SerializeToString())

    def connected(
        self, connection_id: str, user_id: str | None, reconnection_token: str | None
    ) -> bytes:
        """Return the frame that tells a client who it is."""
        known = {"user_id": user_id, "reconnection_token": reconnection_token}
        known = {name: value for name, value in known.items() if value is not None}
        return _frame(system={"connected": {"connection_id": connection_id, **known}})

    def disconnected(self, message: str) -> bytes:
        """Return the frame that says why the service closes."""
        return _frame(system={"disconnected": {"reason": message}})

    def ack(self, ack_id: int, error: AckError | None) -> bytes:
        """Return a success, or a failure with its name and message."""
        if error is None:
            return _frame(ack={"ack_id": ack_id, "success": True})
        details = {"name": error.name, "message": error.message}
        return _frame(ack={"ack_id": ack_id, "success": False, "error": details})

    def pong(self) -> bytes:
        """Return the answer to a ping."""
        return _frame(pong={})


def _frame(**fields: Any) -> bytes:
    return encode_frame(BINARY, Downstream(**fields).SerializeToString())


def _payload(content: Content) -> Any:
    kind, value = content.data_type, content.payload
    if kind is DataType.PROTOBUF and not is_any(value):
        kind = DataType.BINARY  # JSON clients and handlers may call anything protobuf
    textual = kind in {DataType.TEXT, DataType.JSON}
    return Payload(**{kind: value.decode() if textual else value})

"""The subprotocols ``json.webpubsub.azure.v1`` and ``json.reliable.webpubsub.azure.v1``.

Invariant: both render a message alike; reliability only puts a sequence id in front.
"""

import base64
from dataclasses import dataclass
from typing import Any

from emulators.web_pubsub.codec import AckError, MalformedFrameError, Request
from emulators.web_pubsub.json_frames import parse_json_frame
from emulators.web_pubsub.messages import Content, DataType, Message, Rendered, dump_json
from emulators.web_pubsub.wire import TEXT, encode_frame


@dataclass(frozen=True, slots=True)
class JsonCodec:
    """JSON text frames, numbered when reliable."""

    reliable: bool = False
    wire_format = "json"
    acknowledges = True

    def parse(self, data: str | bytes) -> Request:
        """Return what a text frame asks for; a binary frame has no meaning here."""
        if isinstance(data, bytes):
            raise MalformedFrameError("Binary frames are not supported.", 1003)
        return parse_json_frame(data)

    def render(self, message: Message) -> Rendered:
        """Return the message frame that every JSON client of one fan-out shares."""
        content = message.content
        # The data goes in as the text it is: parsing and writing it again could change numbers.
        # Of the rest only names are dumped, which costs a third of dumping an object.
        payload = b'{"type":"message",%b,"dataType":"%b"%b,"data":%b}' % (
            _sender(message),
            content.data_type.encode(),
            b',"metadata":' + dump_json(content.metadata) if content.metadata else b"",
            _data(content),
        )
        return Rendered(TEXT, payload)

    def sequenced(self, rendered: Rendered, sequence_id: int) -> bytes:
        """Return the shared rendering with one connection's number spliced in."""
        numbered = b'{"sequenceId":%d,%b' % (sequence_id, rendered.payload[1:])
        return encode_frame(TEXT, numbered)

    def connected(
        self, connection_id: str, user_id: str | None, reconnection_token: str | None
    ) -> bytes:
        """Return the frame that tells a client who it is."""
        frame: dict[str, Any] = {
            "type": "system",
            "event": "connected",
            "userId": user_id,
            "connectionId": connection_id,
        }
        if reconnection_token is not None:
            frame["reconnectionToken"] = reconnection_token
        return _frame(frame)

    def disconnected(self, message: str) -> bytes:
        """Return the frame that says why the service closes."""
        return _frame({"type": "system", "event": "disconnected", "message": message})

    def ack(self, ack_id: int, error: AckError | None) -> bytes:
        """Return a success, or a failure with its name and message."""
        if error is None:
            return _frame({"type": "ack", "ackId": ack_id, "success": True})
        details = {"name": error.name, "message": error.message}
        return _frame({"type": "ack", "ackId": ack_id, "success": False, "error": details})

    def pong(self) -> bytes:
        """Return the answer to a ping."""
        return _frame({"type": "pong"})


def _frame(value: dict[str, Any]) -> bytes:
    return encode_frame(TEXT, dump_json(value))


def _sender(message: Message) -> bytes:
    if message.group is None:
        return b'"from":"server"'
    user_id = b"null" if message.from_user_id is None else dump_json(message.from_user_id)
    return b'"from":"group","fromUserId":%b,"group":%b' % (user_id, dump_json(message.group))


def _data(content: Content) -> bytes:
    if content.data_type is DataType.JSON:
        return content.payload
    if content.data_type is DataType.TEXT:
        return dump_json(content.payload.decode())
    return b'"%b"' % base64.b64encode(content.payload)

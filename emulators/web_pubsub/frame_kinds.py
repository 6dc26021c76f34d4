"""What kind of frame it is, for whoever looks at wires: faults and the trace.

Invariant: a kind is the protocol's own word, and the same for JSON and protobuf.
"""

import re

from emulators.web_pubsub.codec import (
    JoinGroup,
    LeaveGroup,
    Ping,
    Request,
    SendEvent,
    SendToGroup,
    SequenceAck,
)

TO_CLIENT = ("message", "ack", "system", "pong")
TO_SERVICE = ("event", "sendToGroup", "joinGroup", "leaveGroup", "sequenceAck", "ping")
ANY = "any"
KINDS = frozenset({*TO_CLIENT, *TO_SERVICE})
_REQUESTS: dict[type[object], str] = {
    SendEvent: "event",
    SendToGroup: "sendToGroup",
    JoinGroup: "joinGroup",
    LeaveGroup: "leaveGroup",
    SequenceAck: "sequenceAck",
    Ping: "ping",
}
# The first key of our frames is the type, or the sequence id and then the type.
_JSON_TYPE = re.compile(rb'\{(?:"sequenceId":\d+,)?"type":"(\w+)"')
# The tags of the one field that a downstream message has: ack 1, data 2, system 3, pong 4.
_PROTOBUF_TAGS = {0x0A: "ack", 0x12: "message", 0x1A: "system", 0x22: "pong"}


def kind_of_frame(wire_format: str, payload: bytes) -> str:
    """Return the kind of a frame to a client."""
    if wire_format == "json":
        found = _JSON_TYPE.match(payload)
        return found[1].decode() if found else "message"
    if wire_format == "protobuf" and payload:
        return _PROTOBUF_TAGS.get(payload[0], "message")
    return "message"


def kind_of_request(request: Request) -> str:
    """Return the kind of a frame from a client; what cannot be read is ``malformed``."""
    return _REQUESTS.get(type(request), "malformed")

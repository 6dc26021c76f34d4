"""Reads the frames that protobuf clients send.

Invariant: whatever bytes arrive, the answer is a valid ``Request`` or ``MalformedFrameError``.
"""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import DecodeError

from emulators.web_pubsub.codec import (
    JoinGroup,
    LeaveGroup,
    MalformedFrameError,
    Ping,
    Request,
    SendEvent,
    SendToGroup,
    SequenceAck,
)
from emulators.web_pubsub.messages import MAX_TTL_SECONDS, Content, DataType, load_json
from emulators.web_pubsub.metadata import InvalidMetadataError, check_metadata
from emulators.web_pubsub.names import is_event_name, is_group_name
from emulators.web_pubsub.protobuf_schema import Upstream, is_any


def parse_protobuf_frame(data: bytes) -> Request:
    """Return what one frame asks for."""
    try:
        frame = Upstream.FromString(data)
    except DecodeError as error:
        raise MalformedFrameError("The message is not valid protobuf.") from error
    kind = frame.WhichOneof("kind")
    if kind is None:
        raise MalformedFrameError("The message type is missing or not supported.")
    return _READERS[kind](getattr(frame, kind))


def _join(frame: Any) -> Request:
    return JoinGroup(_group(frame), _ack_id(frame))


def _leave(frame: Any) -> Request:
    return LeaveGroup(_group(frame), _ack_id(frame))


def _send_to_group(frame: Any) -> Request:
    if frame.ttl_seconds > MAX_TTL_SECONDS:
        raise MalformedFrameError(f"ttl_seconds must be from 0 to {MAX_TTL_SECONDS}.")
    content = _content(frame)
    return SendToGroup(_group(frame), content, frame.no_echo, _ack_id(frame), frame.ttl_seconds)


def _send_event(frame: Any) -> Request:
    if not is_event_name(frame.event):
        raise MalformedFrameError("The event name is invalid.")
    return SendEvent(frame.event, _content(frame), _ack_id(frame))


def _sequence_ack(frame: Any) -> Request:
    return SequenceAck(frame.sequence_id)


def _ping(_: Any) -> Request:
    return Ping()


_READERS: dict[str, Callable[[Any], Request]] = {
    "join_group": _join,
    "leave_group": _leave,
    "send_to_group": _send_to_group,
    "event": _send_event,
    "sequence_ack": _sequence_ack,
    "ping": _ping,
}


def _group(frame: Any) -> str:
    group: str = frame.group
    if not is_group_name(group):
        raise MalformedFrameError("The group name is invalid.")
    return group


def _ack_id(frame: Any) -> int | None:
    return frame.ack_id if frame.HasField("ack_id") else None


def _content(frame: Any) -> Content:
    if frame.HasField("stream"):
        raise MalformedFrameError("Streams are not supported.")
    try:
        metadata = check_metadata({pair.key: pair.value for pair in frame.metadata})
    except InvalidMetadataError as error:
        raise MalformedFrameError(f"{error}.") from error
    if metadata and not frame.HasField("data"):
        return Content(DataType.TEXT, b"", metadata)  # metadata alone is an empty text
    kind = frame.data.WhichOneof("kind")
    if kind is None:
        raise MalformedFrameError("The data is missing.")
    return Content(DataType(kind), _payload(kind, getattr(frame.data, kind)), metadata)


def _payload(kind: str, value: Any) -> bytes:
    if kind == DataType.JSON:
        try:
            load_json(value)
        except ValueError as error:
            raise MalformedFrameError("The data is not valid JSON.") from error
    if kind == DataType.PROTOBUF and not is_any(value):
        raise MalformedFrameError("The data is not a protobuf Any.")
    return value if isinstance(value, bytes) else str(value).encode()

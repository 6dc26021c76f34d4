"""Reads the frames that JSON clients send.

Invariant: whatever text arrives, the answer is a valid ``Request`` or ``MalformedFrameError``.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any

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
from emulators.web_pubsub.messages import (
    MAX_TTL_SECONDS,
    Content,
    DataType,
    dump_json,
    load_json,
)
from emulators.web_pubsub.metadata import InvalidMetadataError, check_metadata
from emulators.web_pubsub.names import is_event_name, is_group_name

_MAX_UINT64 = 2**64 - 1
type Frame = dict[str, Any]


def parse_json_frame(text: str) -> Request:
    """Return what one frame asks for."""
    frame = _load_object(text)
    kind = frame.get("type")
    reader = _READERS.get(kind.lower()) if isinstance(kind, str) else None
    if reader is None:
        raise MalformedFrameError("The message type is missing or not supported.")
    return reader(frame)


def _load_object(text: str) -> Frame:
    # Only metadata forbids repeated keys, and the hook costs a call per object.
    hook = _refuse_repeated_keys if '"metadata"' in text else None
    try:
        frame = load_json(text, pairs_hook=hook)
    except ValueError as error:
        raise MalformedFrameError("The message is not valid JSON.") from error
    if not isinstance(frame, dict):
        raise MalformedFrameError("The message is not a JSON object.")
    return frame


class _RepeatedKeys(dict[str, Any]):
    """An object that had a key twice; metadata may not be one."""


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    return unique if len(unique) == len(pairs) else _RepeatedKeys(unique)


def _join(frame: Frame) -> Request:
    return JoinGroup(_group(frame), _ack_id(frame))


def _leave(frame: Frame) -> Request:
    return LeaveGroup(_group(frame), _ack_id(frame))


def _send_to_group(frame: Frame) -> Request:
    group, content, no_echo = _group(frame), _content(frame), _flag(frame, "noEcho")
    return SendToGroup(group, content, no_echo, _ack_id(frame), _ttl_seconds(frame))


def _send_event(frame: Frame) -> Request:
    event = frame.get("event")
    if not isinstance(event, str) or not is_event_name(event):
        raise MalformedFrameError("The event name is invalid.")
    return SendEvent(event, _content(frame), _ack_id(frame))


def _ping(_: Frame) -> Request:
    return Ping()


def _sequence_ack(frame: Frame) -> Request:
    sequence_id = _unsigned(frame.get("sequenceId"))
    if sequence_id is None:
        raise MalformedFrameError("The sequenceId must be an unsigned integer.")
    return SequenceAck(sequence_id)


_READERS: dict[str, Callable[[Frame], Request]] = {
    "joingroup": _join,
    "leavegroup": _leave,
    "sendtogroup": _send_to_group,
    "event": _send_event,
    "ping": _ping,
    "sequenceack": _sequence_ack,
}


def _group(frame: Frame) -> str:
    group = frame.get("group")
    if not isinstance(group, str) or not is_group_name(group):
        raise MalformedFrameError("The group name is invalid.")
    return group


def _ack_id(frame: Frame) -> int | None:
    value = frame.get("ackId")
    if value is None:
        return None
    ack_id = _unsigned(value)
    if ack_id is None:
        raise MalformedFrameError("The ackId must be an unsigned 64-bit integer.")
    return ack_id


def _unsigned(value: Any) -> int | None:
    # bool is an int in Python, not in JSON.
    valid = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_UINT64
    return value if valid else None


def _flag(frame: Frame, name: str) -> bool:
    value = frame.get(name)
    if value is not None and not isinstance(value, bool):
        raise MalformedFrameError(f"{name} must be true or false.")
    return bool(value)


def _ttl_seconds(frame: Frame) -> int:
    value = frame.get("ttlSeconds")
    if value is None:
        return 0
    seconds = _unsigned(value)
    if seconds is None or seconds > MAX_TTL_SECONDS:
        raise MalformedFrameError("ttlSeconds must be an integer from 0 to 300.")
    return seconds


def _content(frame: Frame) -> Content:
    metadata = _metadata(frame)
    if metadata and frame.get("data") is None:
        return Content(DataType.TEXT, b"", metadata)  # metadata alone is an empty text
    data_type = _data_type(frame)
    return Content(data_type, _payload(data_type, frame.get("data")), metadata)


def _metadata(frame: Frame) -> dict[str, str]:
    metadata = frame.get("metadata")
    if metadata is None:
        return {}
    if isinstance(metadata, _RepeatedKeys):
        raise MalformedFrameError("A metadata key is repeated.")
    try:
        return check_metadata(metadata)
    except InvalidMetadataError as error:
        raise MalformedFrameError(f"{error}.") from error


def _data_type(frame: Frame) -> DataType:
    name = frame.get("dataType", DataType.JSON)
    try:
        return DataType(name.lower())
    except (ValueError, AttributeError) as error:
        raise MalformedFrameError("The dataType is not supported.") from error


def _payload(data_type: DataType, data: Any) -> bytes:
    if data is None:
        raise MalformedFrameError("The data is missing.")
    if data_type is DataType.JSON:
        return dump_json(data)
    if not isinstance(data, str):
        raise MalformedFrameError("The data must be a string.")
    if data_type is DataType.TEXT:
        return data.encode()
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedFrameError("The data is not valid base64.") from error

"""A message taken apart: header, annotations and properties are read, the rest is passed on as it came.

Invariants: body, application properties and footer leave with the very bytes that they came with, so no
type is lost; only the header and the annotations are made anew. What `parse` has taken can be encoded: a
message whose fields are of wrong types or beyond their range is refused when it comes, not when it leaves.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from emulators.amqp.decoder import DecodeError, decode, skip
from emulators.amqp.encoder import EncodeError, encode
from emulators.amqp.types import (
    Described,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
)

BATCH_FORMAT = 0x80013700
"""The message format of a batch: each data section is one encoded message."""

_HEADER, _DELIVERY_ANNOTATIONS, _ANNOTATIONS, _PROPERTIES = 0x70, 0x71, 0x72, 0x73
_APPLICATION_PROPERTIES, _DATA, _FOOTER = 0x74, 0x75, 0x78
_BODIES = (_DATA, 0x76, 0x77, _FOOTER)
_DEFAULT_PRIORITY = 4
_BYTE, _UINT, _LONG = 2**8, 2**32, 2**63  # where the numbers of a header end

# What each field of the properties may be.
_ID = (str, int, bytes, UUID)
_KINDS: tuple[Any, ...] = (_ID, bytes, str, str, str, _ID, str, str, int, int, str, int, str)


@dataclass(slots=True)
class Properties:
    """The properties section; ids are as they came (string, number, UUID or bytes)."""

    message_id: Any = None
    user_id: bytes | None = None
    to: str | None = None
    subject: str | None = None
    reply_to: str | None = None
    correlation_id: Any = None
    content_type: str | None = None
    content_encoding: str | None = None
    absolute_expiry_ms: int | None = None
    creation_ms: int | None = None
    group_id: str | None = None
    group_sequence: int | None = None
    reply_to_group_id: str | None = None

    def encoded(self) -> bytes:
        """The section's bytes."""
        fields = [
            self.message_id,
            self.user_id,
            self.to,
            self.subject,
            self.reply_to,
            self.correlation_id,
            None if self.content_type is None else Symbol(self.content_type),
            None if self.content_encoding is None else Symbol(self.content_encoding),
            None if self.absolute_expiry_ms is None else Timestamp(self.absolute_expiry_ms),
            None if self.creation_ms is None else Timestamp(self.creation_ms),
            self.group_id,
            None if self.group_sequence is None else UInt(self.group_sequence),
            self.reply_to_group_id,
        ]
        return _section(_PROPERTIES, fields)


@dataclass(slots=True)
class Message:
    """One message. The `raw_` fields are whole encoded sections."""

    durable: bool = False
    priority: int = _DEFAULT_PRIORITY
    ttl_ms: int | None = None
    delivery_count: int = 0
    annotations: dict[str, Any] = field(default_factory=dict)
    properties: Properties = field(default_factory=Properties)
    raw_properties: bytes = b""
    raw_application_properties: bytes = b""
    raw_body: bytes = b""

    def application_properties(self) -> dict[str, Any]:
        """The application properties by name."""
        if not self.raw_application_properties:
            return {}
        value, _ = decode(self.raw_application_properties)
        return {str(key): item for key, item in value.value.items()}

    @property
    def body_value(self) -> Any:
        """The value of an amqp-value body, or the bytes of the first data section."""
        return decode(self.raw_body)[0].value if self.raw_body else None


def parse(encoded: bytes) -> Message:
    """Take an encoded message apart. Raises DecodeError."""
    message = Message()
    at, body_at = 0, None
    while at < len(encoded):
        code, end = _next_section(encoded, at)
        if code in _BODIES:
            body_at = at if body_at is None else body_at
        elif body_at is not None:
            raise DecodeError("a section stands behind the body")
        else:
            _take(message, code, encoded[at:end])
        at = end
    message.raw_body = encoded[body_at:] if body_at is not None else b""
    return message


def _next_section(encoded: bytes, at: int) -> tuple[int, int]:
    if encoded[at] != 0:
        raise DecodeError("a message consists of described sections")
    descriptor, _ = decode(encoded, at + 1)
    if not isinstance(descriptor, ULong):
        raise DecodeError("a section's descriptor is no number")
    return descriptor, skip(encoded, at)


def _take(message: Message, code: int, section: bytes) -> None:
    if code == _APPLICATION_PROPERTIES:
        value, _ = decode(section)
        if not isinstance(value.value, dict):
            raise DecodeError("application properties are no map")
        message.raw_application_properties = section
        return
    if code not in {_HEADER, _DELIVERY_ANNOTATIONS, _ANNOTATIONS, _PROPERTIES}:
        raise DecodeError(f"no section has the descriptor 0x{code:x}")
    value = decode(section)[0].value
    if code == _ANNOTATIONS:
        if not isinstance(value, dict):
            raise DecodeError("annotations are no map")
        message.annotations = {str(key): item for key, item in value.items()}
        _check_encodable(message.annotations)
    elif code == _PROPERTIES:
        message.properties = _properties(value)
        message.raw_properties = section
    elif code == _HEADER:
        _take_header(message, value)


def _check_encodable(annotations: Mapping[str, Any]) -> None:
    try:
        _annotations(annotations)
    except EncodeError as error:
        raise DecodeError(f"the annotations cannot be passed on: {error}") from error


def _take_header(message: Message, fields: Any) -> None:
    durable, priority, ttl, _, count = _padded(fields, 5)
    message.durable = bool(durable)
    message.priority = _number("priority", priority, _BYTE, _DEFAULT_PRIORITY)
    message.ttl_ms = None if ttl is None else _number("ttl", ttl, _UINT)
    message.delivery_count = _number("delivery-count", count, _UINT)


def _number(name: str, value: Any, end: int, default: int = 0) -> int:
    if value is None:
        return default
    if not isinstance(value, int) or not 0 <= value < end:
        raise DecodeError(f"{name} is no number from 0 to {end - 1}")
    return int(value)


def _properties(fields: Any) -> Properties:
    values = _padded(fields, 13)
    for at in (2, 3, 4, 10, 12):
        if values[at] is not None and not isinstance(values[at], str):
            values[at] = str(values[at])
    for value, kinds in zip(values, _KINDS, strict=True):
        if value is not None and not isinstance(value, kinds):
            raise DecodeError(f"a property is {value!r:.100}")
    if not all((each or "").isascii() for each in values[6:8]):
        raise DecodeError("content-type and content-encoding are of ASCII")
    for at in (8, 9):
        _number("a time", values[at], _LONG)
    _number("group-sequence", values[11], _UINT)
    return Properties(*values)


def _padded(fields: Any, length: int) -> list[Any]:
    if not isinstance(fields, list) or len(fields) > length:
        raise DecodeError("a section is no list, or too long a one")
    return fields + [None] * (length - len(fields))


def split_batch(encoded: bytes) -> list[bytes]:
    """The encoded messages of a batch. Raises DecodeError."""
    found: list[bytes] = []
    at = 0
    while at < len(encoded):
        code, end = _next_section(encoded, at)
        if code == _DATA:
            content = decode(encoded, at)[0].value
            if not isinstance(content, bytes):
                raise DecodeError("a data section holds no bytes")
            found.append(content)
        at = end
    return found


def encoded(message: Message, delivery_count: int, annotations: Mapping[str, Any]) -> bytes:
    """The message as it leaves: these counts and annotations, and the rest as it came."""
    header = [
        message.durable,
        UByte(message.priority),
        None if message.ttl_ms is None else UInt(message.ttl_ms),
        None,
        UInt(delivery_count),
    ]
    return b"".join(
        (
            _section(_HEADER, header),
            _annotations(annotations) if annotations else b"",
            message.raw_properties,
            message.raw_application_properties,
            message.raw_body,
        )
    )


def _annotations(annotations: Mapping[str, Any]) -> bytes:
    return _section(_ANNOTATIONS, {Symbol(name): value for name, value in annotations.items()})


def with_application_properties(
    message: Message, extra: Mapping[str, Any], without: Collection[str] = ()
) -> Message:
    """The message with more application properties, and without some; the others keep their types."""
    kept = b""
    count = 0
    if message.raw_application_properties:
        kept, count = _pairs_without(message.raw_application_properties, {*extra, *without})
    added = b"".join(encode(each) for pair in extra.items() for each in pair)
    body = kept + added
    size, total = len(body) + 4, count + 2 * len(extra)
    section = (
        b"\x00\x53" + bytes((_APPLICATION_PROPERTIES,)) + b"\xd1"
        + size.to_bytes(4) + total.to_bytes(4) + body
    )  # fmt: skip
    return replace(message, raw_application_properties=section)


def _pairs_without(section: bytes, names: Collection[str]) -> tuple[bytes, int]:
    """The encoded pairs of a map section but those with these keys, and how many items they are."""
    at = skip(section, 1)  # behind the descriptor
    count, at = (
        (section[at + 2], at + 3)
        if section[at] == 0xC1  # noqa: PLR2004 - the code of a small map
        else (int.from_bytes(section[at + 5 : at + 9]), at + 9)
    )
    kept: list[bytes] = []
    for _ in range(count // 2):
        key, value_at = decode(section, at)
        end = skip(section, value_at)
        if str(key) not in names:
            kept.append(section[at:end])
        at = end
    return b"".join(kept), 2 * len(kept)


def response(correlation_id: Any, application_properties: Mapping[str, Any], body: Any) -> bytes:
    """An encoded message that answers a request: its id, properties, and a value as its body."""
    properties = Properties(correlation_id=correlation_id)
    return b"".join(
        (
            properties.encoded(),
            _section(_APPLICATION_PROPERTIES, dict(application_properties)),
            _section(0x77, body),
        )
    )


def _section(code: int, value: Any) -> bytes:
    return encode(Described(ULong(code), value))

"""The metadata of Service Bus messages, as the .NET extension sends it to the worker.

Names, kinds and what is left out follow ServiceBusTriggerBindingStrategy and the host's conversion
to the wire: text is text, everything else JSON, absent values are not sent. Invariant: pure functions.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from emulators.functions_host.model import Metadata, Typed

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusReceivedMessage

# What .NET's ExpiresAt is for a message that never expires.
_NEVER = "9999-12-31T23:59:59.9999999"
_LONGS = frozenset({"SequenceNumber"})
_VIA_KEY = b"x-opt-via-partition-key"


def of_one(message: "ServiceBusReceivedMessage") -> Metadata:
    """Return the metadata of one message, under its names."""
    return {name: _typed(value) for name, value in _members(message).items() if value is not None}


def of_many(messages: "Sequence[ServiceBusReceivedMessage]") -> Metadata:
    """Return the metadata of a batch: one array for each name.

    The host leaves absent and empty text out of an array of text, so what follows moves up.
    """
    rows = [_members(message) for message in messages]
    return {f"{name}Array": _array(name, [row[name] for row in rows]) for name in rows[0]}


def has_gaps(metadata: Metadata, count: int) -> bool:
    """Whether an array of text is shorter than the batch, and not just empty."""
    return any(
        kind == "collection_string" and 0 < len(content) < count
        for kind, content in metadata.values()
    )


def application_properties(message: "ServiceBusReceivedMessage") -> dict[str, Any]:
    """Return a message's application properties as .NET would have them in JSON.

    The SDK gives text as bytes, like binary; what is not UTF-8 can only be binary.
    """
    given: Mapping[Any, Any] = message.application_properties or {}
    return {str(_plain(name)): _plain(value) for name, value in given.items()}


def _members(message: "ServiceBusReceivedMessage") -> dict[str, Any]:
    """Every member by its name, text as str; None for what the message does not have."""
    enqueued, expires = message.enqueued_time_utc, message.expires_at_utc
    properties = application_properties(message)
    return {
        "MessageId": _text(message.message_id),
        "DeliveryCount": (message.delivery_count or 0) + 1,
        "SequenceNumber": message.sequence_number,
        "LockToken": _text(message.lock_token),
        "EnqueuedTimeUtc": _Moment(_time(enqueued)),
        "EnqueuedTime": _Moment(f"{_time(enqueued)}+00:00"),
        "ExpiresAtUtc": _Moment(_time(expires) if expires else _NEVER),
        "ExpiresAt": _Moment(f"{_time(expires) if expires else _NEVER}+00:00"),
        "ContentType": _text(message.content_type),
        "CorrelationId": _text(message.correlation_id),
        "ReplyTo": _text(message.reply_to),
        "ReplyToSessionId": _text(message.reply_to_session_id),
        "SessionId": _text(message.session_id),
        "To": _text(message.to),
        "Subject": _text(message.subject),
        "Label": _text(message.subject),
        "PartitionKey": _text(message.partition_key),
        "TransactionPartitionKey": _text(_annotation(message, _VIA_KEY)),
        "DeadLetterSource": _text(message.dead_letter_source),
        "ApplicationProperties": properties,
        "UserProperties": properties,
    }


class _Moment(str):
    """A time as .NET writes it in JSON; JSON on the wire although it looks like text."""

    __slots__ = ()


def _typed(value: Any) -> Typed:
    if isinstance(value, str) and not isinstance(value, _Moment):
        return "string", value
    return "json", json.dumps(value)


def _array(name: str, values: list[Any]) -> Typed:
    if name in _LONGS:
        return "collection_sint64", values
    if all(isinstance(value, str | None) and not isinstance(value, _Moment) for value in values):
        return "collection_string", [value for value in values if value]
    return "json", json.dumps(values)


def _annotation(message: "ServiceBusReceivedMessage", name: bytes) -> Any:
    annotations: Mapping[Any, Any] = message.raw_amqp_message.annotations or {}
    return annotations.get(name)


def _text(value: Any) -> str | None:
    return None if value is None else str(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return _time(value)
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _time(moment: datetime | None) -> str:
    """Write a moment as Newtonsoft does a DateTime of no known zone: no Z, no trailing zeros."""
    if moment is None:
        return "0001-01-01T00:00:00"
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    fraction = f"{utc.microsecond:06d}".rstrip("0")
    return f"{utc:%Y-%m-%dT%H:%M:%S}" + (f".{fraction}" if fraction else "")

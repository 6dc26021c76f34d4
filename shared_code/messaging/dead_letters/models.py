"""A dead letter as we speak of it, made from a message of the SDK.

Invariant: pure. Whatever a message holds, a dead letter can be made of it: it may be anybody's rubbish.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared_code.messaging import properties
from shared_code.messaging.arrival import event_id_of

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.servicebus import ServiceBusReceivedMessage

UNKNOWN_REASON = "unknown"


@dataclass(frozen=True)
class DeadLetter:
    """A message in a dead-letter queue. `number` is its sequence number there."""

    number: int
    event_id: str
    message_id: str
    type: str | None
    subject: str | None
    session_id: str | None
    reason: str
    description: str | None
    failure_type: str | None
    failure_message: str | None
    first_failed_at: str | None
    last_failed_at: str | None
    attempts: int | None
    redrive_count: int
    enqueued_at: datetime | None
    body: bytes


@dataclass(frozen=True)
class Group:
    """Dead letters of one reason: how many, and when the oldest and the newest were sent."""

    reason: str
    count: int
    oldest_at: datetime | None
    newest_at: datetime | None


@dataclass(frozen=True)
class QueueState:
    """A queue's counts. None where the bus does not tell: it shows messages of sessions to their holder only.

    `at_least` says that counting stopped at a limit.
    """

    queue: str
    active: int | None
    scheduled: int | None
    sessions: int | None
    oldest_active_at: datetime | None
    dead: int
    oldest_dead_at: datetime | None
    at_least: bool


def dead_letter(message: "ServiceBusReceivedMessage") -> DeadLetter:
    """The dead letter that a message is."""
    known = properties_of(message)
    # Of one that we sent to its death the bus knows only that it was given back too often. One that failed
    # once and died of something else has a failure's properties too.
    ours = known.get(properties.FAILURE_REASON) if known.get(properties.DEAD) is True else None
    reason = ours or message.dead_letter_reason
    return DeadLetter(
        number=message.sequence_number or 0,
        event_id=event_id_in(message),
        message_id=str(message.message_id or ""),
        type=_text(known.get(properties.TYPE)),
        subject=message.session_id if message.subject is None else message.subject,
        session_id=message.session_id,
        reason=_text(reason) or UNKNOWN_REASON,
        description=_text(message.dead_letter_error_description),
        failure_type=_text(known.get(properties.FAILURE_TYPE)),
        failure_message=_text(known.get(properties.FAILURE_MESSAGE)),
        first_failed_at=_text(known.get(properties.FIRST_FAILED_AT)),
        last_failed_at=_text(known.get(properties.LAST_FAILED_AT)),
        attempts=_count(known.get(properties.ATTEMPT)),
        redrive_count=_count(known.get(properties.REDRIVE_COUNT)) or 0,
        enqueued_at=message.enqueued_time_utc,
        body=body_of(message),
    )


def event_id_in(message: "ServiceBusReceivedMessage") -> str:
    """The id of the event that a message holds, as its consumer knows it."""
    attempt = properties_of(message).get(properties.ATTEMPT, 1)
    return event_id_of(str(message.message_id or ""), attempt, body_of(message))


def properties_of(message: "ServiceBusReceivedMessage") -> dict[str, Any]:
    """Application properties by name; the SDK gives texts as bytes."""
    given = message.application_properties or {}
    return {str(_plain(name)): _plain(value) for name, value in given.items()}


def body_of(message: "ServiceBusReceivedMessage") -> bytes:
    """The bytes of the body; of a body that is no bytes, its text."""
    body: Any = message.body
    if isinstance(body, bytes):
        return body
    try:
        return b"".join(body)
    except TypeError:
        return str(body).encode()


def _plain(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None

"""What was delivered: a message of a consumer's queue as the rules of retry see it, and its copies.

Invariants: the body is never looked into here, only passed on, byte for byte; a copy keeps the event's
id, its session and whatever others have put into its properties. Whatever came, a copy can be made of it
that the bus takes: ids, counts and properties may be anybody's.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import azure.functions as func

from shared_code.clock import rfc3339
from shared_code.messaging import properties

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.servicebus import ServiceBusMessage

_MAX_TEXT = 1_000  # characters of a failure's texts: they are for people, and properties are small
_MOST_COUNT = 1_000_000  # of attempts and waits: more is somebody's joke, and is to have few digits
_MAX_MESSAGE_ID = 128  # characters, by the bus
_MAX_EVENT_ID = _MAX_MESSAGE_ID - len(f":{_MOST_COUNT}")
_INT32 = 2**31  # the SDK writes an int as one of 32 bits, or refuses it
_MOST_BITS = 4_096  # of an int in decimals: Python refuses to write one of thousands of digits
_LONGEST_LIFE = timedelta(days=49)
"""Milliseconds that 32 bits hold; who lives longer has the queue's life."""

_SHORTEST_LIFE = timedelta(seconds=1)
"""The SDK counts whole seconds, and none would be for ever."""


@dataclass(frozen=True)
class Failure:
    """Why a try failed: a stable code, the exception's class and its words."""

    reason: str
    type: str
    message: str

    @classmethod
    def of(cls, reason: str, error: BaseException) -> "Failure":
        """The failure that an exception stands for."""
        return cls(reason, type(error).__name__, str(error)[:_MAX_TEXT])


@dataclass(frozen=True)
class Arrival:
    """One delivery. `deliveries` counts those of this very message by the bus, from 1.

    `time_to_live` is what the message had when it was enqueued; of a copy it starts anew.
    """

    body: bytes
    message_id: str
    session_id: str | None
    content_type: str | None
    correlation_id: str | None
    deliveries: int
    properties: Mapping[str, Any]
    subject: str | None = None
    time_to_live: timedelta | None = None

    @classmethod
    def of(cls, message: func.ServiceBusMessage) -> "Arrival":
        """Read a trigger's message."""
        return cls(
            body=message.get_body(),
            message_id=message.message_id or "",
            session_id=message.session_id,
            content_type=message.content_type,
            correlation_id=message.correlation_id,
            deliveries=message.delivery_count or 1,
            properties=dict(message.application_properties or {}),
            subject=message.subject,
            time_to_live=_life(message),
        )

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""
        return self._count(properties.ATTEMPT, 1)

    @property
    def held(self) -> int:
        """How often it has waited for one before it."""
        return self._count(properties.HELD, 0)

    @property
    def event_id(self) -> str:
        """The event's id by the message id, which is known also when the body cannot be read."""
        return event_id_of(self.message_id, self.properties.get(properties.ATTEMPT, 1), self.body)

    @property
    def is_dead(self) -> bool:
        """Whether it is on its way to the dead letters."""
        return self.properties.get(properties.DEAD) is True

    @property
    def skips(self) -> str | None:
        """The id of the event that its session is to wait for no more, if that is what it says."""
        skip = self.properties.get(properties.SKIP)
        return skip if isinstance(skip, str) else None

    def _count(self, name: str, least: int) -> int:
        value = self.properties.get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            return least
        return min(max(value, least), _MOST_COUNT)

    def tried_again(self, failure: Failure, now: datetime) -> "Arrival":
        """The next try, which remembers this failure."""
        following = min(self.attempt + 1, _MOST_COUNT)
        return self._with({**self._failed(failure, now), properties.ATTEMPT: following})

    def dead(self, failure: Failure, now: datetime) -> "Arrival":
        """The message as it goes to the dead letters."""
        return self._with({**self._failed(failure, now), properties.DEAD: True})

    def waiting(self) -> "Arrival":
        """The same try, some time later."""
        return self._with({properties.HELD: self.held + 1})

    def shortened(self) -> "tuple[Arrival, Arrival]":
        """The same with less about it, for when all of it does not fit a message.

        First without the failure's words, then also without what is not ours.
        """
        words = {properties.FAILURE_TYPE, properties.FAILURE_MESSAGE}
        told = {name: value for name, value in self.properties.items() if name not in words}
        ours = {name: value for name, value in told.items() if name in properties.OURS}
        return replace(self, properties=told), replace(self, properties=ours)

    def _failed(self, failure: Failure, now: datetime) -> dict[str, Any]:
        at = rfc3339(now)
        return {
            properties.ATTEMPT: self.attempt,
            properties.FAILURE_REASON: failure.reason,
            properties.FAILURE_TYPE: failure.type[:_MAX_TEXT],
            properties.FAILURE_MESSAGE: failure.message[:_MAX_TEXT],
            properties.FIRST_FAILED_AT: self.properties.get(properties.FIRST_FAILED_AT, at),
            properties.LAST_FAILED_AT: at,
        }

    def _with(self, changes: Mapping[str, Any]) -> "Arrival":
        """A copy. It has the number that its id ends in, so that the id tells the event again."""
        known = {**self.properties, properties.ATTEMPT: self.attempt, **changes}
        message_id = f"{self.event_id}:{known[properties.ATTEMPT]}"
        return replace(self, message_id=message_id, properties=known)

    def message(self, at: datetime | None = None) -> "ServiceBusMessage":
        """What to send to the consumer's own queue, now or for `at`. Raises nothing, whatever came."""
        from azure.servicebus import ServiceBusMessage

        return ServiceBusMessage(
            self.body,
            content_type=self.content_type,
            message_id=f"{self.event_id}:{self.attempt}",
            session_id=self.session_id,
            correlation_id=self.correlation_id,
            subject=self.subject,
            time_to_live=self.time_to_live,
            scheduled_enqueue_time_utc=at,
            application_properties=sendable(self.properties),
        )


def event_id_of(message_id: str, attempt: object, body: bytes) -> str:
    """The event's id by what its message says; for one event the same in each of its messages.

    In an id of ours, `<event id>:<attempt>`, `attempt` is what the property of that name says, 1 when it is
    absent; an end that says something else belongs to somebody's id. An id too long for ours, and that of a
    message without one, is a digest: of the id, or of the body.
    """
    name, separator, number = message_id.rpartition(":")
    is_ours = separator and number.isdigit() and number == str(attempt)
    event_id = _text(name if is_ours else message_id)
    if not event_id:
        return hashlib.sha256(body).hexdigest()
    if len(event_id) > _MAX_EVENT_ID:
        return hashlib.sha256(event_id.encode()).hexdigest()
    return event_id


def sendable(given: Mapping[Any, Any]) -> dict[str | bytes, Any]:
    """Application properties as the SDK can write them. Raises nothing, whatever came."""
    return {_text(str(name)): _plain(value) for name, value in given.items()}


def _plain(value: Any) -> Any:
    """A property as the bus takes it: not maps and lists, which the host hands on, nor large numbers."""
    if isinstance(value, bytes):
        # The SDK sends bytes as text, and refuses what is none.
        return value.decode(errors="replace")
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int) and not -_INT32 <= value < _INT32:
        return str(value) if value.bit_length() < _MOST_BITS else hex(value)
    if value is None or isinstance(value, int | float):
        return value
    try:
        return json.dumps(value, default=str, skipkeys=True)
    except (ValueError, RecursionError):  # deeper than json goes
        return type(value).__name__


def _text(text: str) -> str:
    """The text as UTF-8 has it: half a surrogate pair cannot be sent."""
    return text.encode(errors="replace").decode()


def _life(message: func.ServiceBusMessage) -> timedelta | None:
    """How long the message was to live. The host tells only when it ends; None for about as good as ever."""
    enqueued, expires = message.enqueued_time_utc, message.expires_at_utc
    life = message.time_to_live
    if life is None and enqueued and expires and _alike(enqueued, expires):
        life = expires - enqueued
    if life is None or life > _LONGEST_LIFE:
        return None
    return max(life, _SHORTEST_LIFE)


def _alike(one: datetime, other: datetime) -> bool:
    """Whether they can be subtracted: both with a time zone, or both without."""
    return (one.tzinfo is None) == (other.tzinfo is None)

"""What was delivered: a message of a consumer's queue as the rules of retry see it, and its copies.

Invariants: the body is never looked into here, only passed on, byte for byte; a copy keeps the event's
id, its session and whatever others have put into its properties.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import azure.functions as func

from shared_code.clock import rfc3339
from shared_code.messaging import properties

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.servicebus import ServiceBusMessage

_MAX_TEXT = 1_000  # characters of a failure's message: it is for people, and properties are small


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
    """One delivery. `deliveries` counts those of this very message by the bus, from 1."""

    body: bytes
    message_id: str
    session_id: str | None
    content_type: str | None
    correlation_id: str | None
    deliveries: int
    properties: Mapping[str, Any]

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
        return event_id_of(self.message_id)

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
        return value if isinstance(value, int) and value >= least else least

    def tried_again(self, failure: Failure, now: datetime) -> "Arrival":
        """The next try, which remembers this failure."""
        return self._with({**self._failed(failure, now), properties.ATTEMPT: self.attempt + 1})

    def dead(self, failure: Failure, now: datetime) -> "Arrival":
        """The message as it goes to the dead letters."""
        return self._with({**self._failed(failure, now), properties.DEAD: True})

    def waiting(self) -> "Arrival":
        """The same try, some time later."""
        return self._with({properties.HELD: self.held + 1})

    def _failed(self, failure: Failure, now: datetime) -> dict[str, Any]:
        at = rfc3339(now)
        return {
            properties.ATTEMPT: self.attempt,
            properties.FAILURE_REASON: failure.reason,
            properties.FAILURE_TYPE: failure.type,
            properties.FAILURE_MESSAGE: failure.message,
            properties.FIRST_FAILED_AT: self.properties.get(properties.FIRST_FAILED_AT, at),
            properties.LAST_FAILED_AT: at,
        }

    def _with(self, changes: Mapping[str, Any]) -> "Arrival":
        return replace(self, properties={**self.properties, **changes})

    def message(self, at: datetime | None = None) -> "ServiceBusMessage":
        """What to send to the consumer's own queue, now or for `at`."""
        from azure.servicebus import ServiceBusMessage

        return ServiceBusMessage(
            self.body,
            content_type=self.content_type,
            message_id=f"{self.event_id}:{self.attempt}",
            session_id=self.session_id,
            correlation_id=self.correlation_id,
            scheduled_enqueue_time_utc=at,
            application_properties={name: _plain(value) for name, value in self.properties.items()},
        )


def event_id_of(message_id: str) -> str:
    """The event's id in a message id of ours, `<event id>:<attempt>`; any other is given back."""
    name, separator, attempt = message_id.rpartition(":")
    return name if separator and attempt.isdigit() else message_id


def _plain(value: Any) -> Any:
    """A property as the bus takes it: the host hands maps and lists on, which it does not."""
    return value if isinstance(value, str | int | float | bool | bytes) else json.dumps(value)

"""A message in an entity, and a delivery of it.

Invariant: an entry belongs to one entity and has one sequence number there for all its life.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from emulators.amqp import sections
from emulators.amqp.sections import Message
from emulators.amqp.types import Int, Timestamp
from emulators.service_bus.storage import SavedMessage

if TYPE_CHECKING:
    from emulators.service_bus.broker.sessions import Session
    from emulators.service_bus.broker.timers import Timer

SCHEDULED_TIME = "x-opt-scheduled-enqueue-time"


class State(IntEnum):
    """What a peek tells; the numbers are those of Service Bus."""

    ACTIVE = 0
    DEFERRED = 1
    SCHEDULED = 2


@dataclass(slots=True, eq=False)
class Lock:
    """The right of one receiver to settle an entry."""

    token: UUID
    entry: "Entry"
    until_ms: int
    owner: object
    session: "Session | None" = None
    timer: "Timer | None" = None


@dataclass(slots=True, eq=False)
class Entry:
    """A message in an entity. `delivery_count` counts the deliveries that failed."""

    sequence: int
    message: Message
    enqueued_ms: int
    enqueued_sequence: int
    expires_ms: int | None
    delivery_count: int = 0
    state: State = State.ACTIVE
    due_ms: int | None = None
    source: str | None = None
    lock: Lock | None = None
    timer: "Timer | None" = None

    @property
    def session_id(self) -> str | None:
        """The session that it belongs to."""
        return self.message.properties.group_id

    @property
    def size(self) -> int:
        """Its bytes, as quotas count them."""
        message = self.message
        return (
            len(message.raw_properties)
            + len(message.raw_application_properties)
            + len(message.raw_body)
        )

    def saved(self, entity: int) -> SavedMessage:
        """Its row."""
        return SavedMessage(
            entity,
            self.sequence,
            int(self.state),
            self.delivery_count,
            self.enqueued_ms,
            self.enqueued_sequence,
            self.expires_ms,
            self.due_ms,
            self.source,
            sections.encoded(self.message, 0, self.message.annotations),
        )

    @classmethod
    def restored(cls, saved: SavedMessage) -> "Entry":
        """The entry of a row."""
        return cls(
            sequence=saved.sequence,
            message=sections.parse(saved.encoded),
            enqueued_ms=saved.enqueued_ms,
            enqueued_sequence=saved.enqueued_sequence,
            expires_ms=saved.expires_ms,
            delivery_count=saved.delivery_count,
            state=State(saved.state),
            due_ms=saved.due_ms,
            source=saved.source,
        )


@dataclass(frozen=True, slots=True)
class Delivery:
    """An entry as it goes to a receiver, or is shown to one who peeks."""

    token: UUID
    entry: Entry
    locked_until_ms: int | None = None
    peeked: bool = False
    annotations: dict[str, Any] = field(default_factory=dict)

    @property
    def sequence_number(self) -> int:
        """Its place in the entity."""
        return self.entry.sequence

    def encode(self) -> bytes:
        """The bytes of the message with what the broker says about it."""
        entry = self.entry
        noted: dict[str, Any] = {
            **entry.message.annotations,
            "x-opt-enqueued-time": Timestamp(entry.enqueued_ms),
            "x-opt-sequence-number": entry.sequence,
            "x-opt-enqueue-sequence-number": entry.enqueued_sequence,
        }
        if self.locked_until_ms is not None:
            noted["x-opt-locked-until"] = Timestamp(self.locked_until_ms)
        if entry.source is not None:
            noted["x-opt-deadletter-source"] = entry.source
        if self.peeked:
            noted["x-opt-message-state"] = Int(entry.state)
        return sections.encoded(entry.message, entry.delivery_count, noted)

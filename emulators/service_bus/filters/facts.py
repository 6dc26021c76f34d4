"""What a filter sees of a message. Invariant: names of properties are compared without regard to case."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from emulators.amqp.sections import Message, Properties

# Names of Azure's SQL filters, in lower case, and the AMQP property that each stands for.
SYSTEM = {
    "messageid": "message_id",
    "correlationid": "correlation_id",
    "to": "to",
    "replyto": "reply_to",
    "label": "subject",
    "subject": "subject",
    "sessionid": "group_id",
    "replytosessionid": "reply_to_group_id",
    "contenttype": "content_type",
}


# … and those that are no AMQP property. They can be looked at, not set.
READ_ONLY: dict[str, Callable[["Facts"], Any]] = {
    "enqueuedtimeutc": lambda facts: facts.enqueued_ms,
    "deliverycount": lambda _facts: 0,
    "timetolive": lambda facts: facts.ttl_ms,
    "partitionkey": lambda facts: facts.annotations.get("x-opt-partition-key"),
    "scheduledenqueuetimeutc": lambda facts: facts.annotations.get("x-opt-scheduled-enqueue-time"),
}


@dataclass(slots=True)
class Facts:
    """A message's properties: the system's, and the user's by lower-case name. Times are in ms."""

    properties: Properties
    user: Mapping[str, Any]
    enqueued_ms: int
    ttl_ms: int | None = None
    annotations: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, message: Message, enqueued_ms: int) -> "Facts":
        """What there is to know about a message."""
        user = {name.lower(): value for name, value in message.application_properties().items()}
        return cls(message.properties, user, enqueued_ms, message.ttl_ms, message.annotations)

    def system_value(self, name: str) -> Any:
        """A system property by its lower-case name; None when it has no value, or there is none such."""
        if read := READ_ONLY.get(name):
            return read(self)
        found = SYSTEM.get(name)
        return None if found is None else getattr(self.properties, found)

    def user_value(self, name: str) -> Any:
        """A user property by its lower-case name, or None."""
        return self.user.get(name)

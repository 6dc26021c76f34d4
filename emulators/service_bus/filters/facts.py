"""What a filter sees of a message. Invariant: names of properties are compared without regard to case."""

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(slots=True)
class Facts:
    """A message's properties: the system's, and the user's by lower-case name."""

    properties: Properties
    user: Mapping[str, Any]
    enqueued_ms: int

    @classmethod
    def of(cls, message: Message, enqueued_ms: int) -> "Facts":
        """What there is to know about a message."""
        user = {name.lower(): value for name, value in message.application_properties().items()}
        return cls(message.properties, user, enqueued_ms)

    def system_value(self, name: str) -> Any:
        """A system property by its lower-case name; None when it has no value, or there is none such."""
        if name == "enqueuedtimeutc":
            return self.enqueued_ms
        field = SYSTEM.get(name)
        return None if field is None else getattr(self.properties, field)

    def user_value(self, name: str) -> Any:
        """A user property by its lower-case name, or None."""
        return self.user.get(name)

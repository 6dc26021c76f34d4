"""The application properties of our Service Bus messages: what is about the delivery, not the event.

Invariant: the event in the body never changes; how often it was tried, and what went wrong, stands here.
"""

TYPE = "type"
ACCESS = "access"

ATTEMPT = "attempt"
"""Which try this is, from 1. The Service Bus message id is `<event id>:<attempt>`."""

HELD = "held"
"""How often the message has waited for one before it in its session."""

REDRIVE_COUNT = "redrive_count"
"""How often it was taken out of the dead letters; absent means never."""

DEAD = "dead"
"""True on a message that has failed for good and is on its way to the dead letters."""

SKIP = "skip"
"""On a control message to an ordered consumer: the id of the event that its session waits for no more."""

FAILURE_REASON = "failure_reason"
FAILURE_TYPE = "failure_type"
FAILURE_MESSAGE = "failure_message"
FIRST_FAILED_AT = "first_failed_at"
LAST_FAILED_AT = "last_failed_at"

FAILURE = (FAILURE_REASON, FAILURE_TYPE, FAILURE_MESSAGE, FIRST_FAILED_AT, LAST_FAILED_AT)

OURS = frozenset({TYPE, ACCESS, ATTEMPT, HELD, REDRIVE_COUNT, DEAD, SKIP, *FAILURE})
"""Everything that these pages speak of; what else a message has is somebody's."""

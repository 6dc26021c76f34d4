"""Publishing. Invariant: when `publish` returns, the bus has the event for every consumer that hears it."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared_code.clock import utcnow
from shared_code.messaging import properties
from shared_code.messaging.envelope import Event, EventData
from shared_code.messaging.outbound import outbound
from shared_code.messaging.topology import TOPIC

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.servicebus import ServiceBusMessage

CONTENT_TYPE = "application/cloudevents+json"
"""CloudEvents in structured mode: the whole envelope is the body."""

MAX_EVENT_BYTES = 80 * 1024
"""The largest event: 64 KiB of entries and their envelope, far below the 256 KiB of Standard."""


async def publish[Data: EventData](event: Event[Data], session_id: str | None = None) -> None:
    """Send the event to the topic: one round trip, shared with what leaves at the same time.

    Sessions order by `session_id`, by default the event's subject. Raises Unavailable when the bus does
    not take it; a repeat may then reach consumers twice.
    """
    await outbound(TOPIC).send(message_of(event, session_id))


async def schedule[Data: EventData](
    event: Event[Data], at: datetime, session_id: str | None = None
) -> None:
    """As `publish`, but the consumers get the event at that time."""
    await outbound(TOPIC).send(message_of(event, session_id, at))


def message_of[Data: EventData](
    event: Event[Data], session_id: str | None = None, at: datetime | None = None
) -> "ServiceBusMessage":
    """The first message of an event. Raises ValueError for an event that is too large."""
    from azure.servicebus import ServiceBusMessage

    body = event.model_dump_json().encode()
    if len(body) > MAX_EVENT_BYTES:
        raise ValueError(f"{event.type} of {len(body)} bytes does not fit a message")
    return ServiceBusMessage(
        body,
        content_type=CONTENT_TYPE,
        message_id=f"{event.id}:1",
        session_id=session_id or event.subject,
        correlation_id=event.correlationid,
        scheduled_enqueue_time_utc=at,
        application_properties={
            properties.TYPE: event.type,
            properties.ACCESS: event.access,
            properties.ATTEMPT: 1,
        },
    )


def in_seconds(seconds: float) -> datetime:
    """The time so many seconds from now."""
    return utcnow() + timedelta(seconds=seconds)

"""Publishing. Invariant: when `publish` returns, every subscribed consumer's queue holds the event."""

import asyncio
import base64

from shared_code.messaging.envelope import Event, EventData
from shared_code.messaging.subscriptions import SETTING, SUBSCRIPTIONS, Subscription
from shared_code.storage import queue_service, reach_queue

MAX_EVENT_BYTES = 48 * 1024
"""The largest event: a Storage queue message holds 64 KiB of base64."""


async def publish[Data: EventData](event: Event[Data]) -> None:
    """Send the event to each subscribed consumer, side by side: one round trip each.

    Raises AzureError when a queue did not take it; a repeat may then reach the others twice.
    """
    await schedule(event, after_seconds=0)


async def schedule[Data: EventData](event: Event[Data], after_seconds: int) -> None:
    """As `publish`, but the consumers see the event only after so many seconds."""
    body = event.model_dump_json().encode()
    if len(body) > MAX_EVENT_BYTES:
        raise ValueError(f"{event.type} of {len(body)} bytes does not fit a message")
    # The Functions host decodes base64 by default; the SDK's client does not encode by default.
    text = base64.b64encode(body).decode()
    consumers = [each for each in SUBSCRIPTIONS if _hears(each, event)]
    await asyncio.gather(*(_send(each, text, after_seconds) for each in consumers))


async def reach() -> None:
    """Raise AzureError unless the consumers' queues answer. One round trip."""
    await reach_queue(SETTING, SUBSCRIPTIONS[0].queue)


def _hears[Data: EventData](subscription: Subscription, event: Event[Data]) -> bool:
    if subscription.only_access_changes and event.access != "changed":
        return False
    return subscription.event_type == event.type


async def _send(subscription: Subscription, text: str, after_seconds: int) -> None:
    queue = queue_service(SETTING).get_queue_client(subscription.queue)
    await queue.send_message(
        text,
        visibility_timeout=after_seconds or None,
        time_to_live=subscription.time_to_live,
    )

"""A service's own Storage queue: work for itself, later, that needs neither order nor the bus.

Invariant: the queue lies in the service's own account, and nobody else puts anything in.
"""

import base64

import azure.functions as func

from shared_code.messaging.envelope import Event, EventData
from shared_code.messaging.reading import read
from shared_code.storage import queue_service

_MAX_BYTES = 48 * 1024  # a message holds 64 KiB of base64


async def put[Data: EventData](
    setting: str, queue: str, event: Event[Data], after_seconds: int, kept_seconds: int
) -> None:
    """Put the event into the queue; it shows after `after_seconds`. One round trip.

    Raises AzureError when the queue does not take it.
    """
    body = event.model_dump_json().encode()
    if len(body) > _MAX_BYTES:
        raise ValueError(f"{event.type} of {len(body)} bytes does not fit a message")
    # The Functions host decodes base64 by default; the SDK's client does not encode by default.
    text = base64.b64encode(body).decode()
    client = queue_service(setting).get_queue_client(queue)
    await client.send_message(text, visibility_timeout=after_seconds, time_to_live=kept_seconds)


def taken[Data: EventData](message: func.QueueMessage, data: type[Data]) -> Event[Data]:
    """The event in a message. Raises Unreadable: the host moves it to the poison queue in the end."""
    return read(message.get_body(), data)

"""A stack's Service Bus as another program sees it: sending events, looking at dead letters.

Invariant: only the official SDK, and nothing of the app's own code.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from azure.servicebus import ServiceBusMessage, ServiceBusSubQueue
from azure.servicebus.aio import ServiceBusClient

from tests.harness.stack import Stack


@dataclass(frozen=True)
class Letter:
    """A dead letter: its message id, body and application properties."""

    id: str
    body: bytes
    reason: str | None
    properties: Mapping[str, Any]


@asynccontextmanager
async def bus(stack: Stack) -> AsyncIterator[ServiceBusClient]:
    """A client of the stack's broker."""
    async with ServiceBusClient.from_connection_string(stack.service_bus) as client:
        yield client


async def publish(client: ServiceBusClient, event: Mapping[str, Any], session_id: str) -> None:
    """Send an event to the topic, as another service would."""
    properties: dict[str | bytes, Any] = {"type": event["type"], "access": event["access"]}
    message = ServiceBusMessage(
        json.dumps(event),
        session_id=session_id,
        message_id=f"{event['id']}:1",
        application_properties=properties,
    )
    async with client.get_topic_sender("events") as sender:
        await sender.send_messages(message)


async def dead_letters(stack: Stack, queue: str) -> list[Letter]:
    """The first dead letters of a queue, as they lie there."""
    async with bus(stack) as client:
        receiver = client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER)
        async with receiver:
            found = await receiver.peek_messages(max_message_count=250, sequence_number=1)
    return [
        Letter(
            str(each.message_id),
            b"".join(each.body) if not isinstance(each.body, bytes) else each.body,
            each.dead_letter_reason,
            {_text(k): _text(v) for k, v in (each.application_properties or {}).items()},
        )
        for each in found
    ]


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value

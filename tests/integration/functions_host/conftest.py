"""Fixtures of the host's tests: names that no other test uses, and queues of an Azurite."""

import base64
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue.aio import QueueServiceClient

from tests.harness.waiting import until_async


@pytest.fixture
def name() -> str:
    """A name for a queue that no other test has."""
    return f"q{uuid.uuid4().hex[:12]}"


@dataclass(frozen=True)
class Queues:
    """The official SDK's view of the queues, with texts already base64-decoded."""

    service: QueueServiceClient

    async def create(self, queue: str) -> None:
        await self.service.get_queue_client(queue).create_queue()

    async def put(self, queue: str, *texts: str) -> None:
        client = self.service.get_queue_client(queue)
        for text in texts:
            await client.send_message(base64.b64encode(text.encode()).decode())

    async def put_raw(self, queue: str, text: str) -> None:
        await self.service.get_queue_client(queue).send_message(text)

    async def raw_texts(self, queue: str) -> list[str]:
        """What can be peeked at, as it stands."""
        try:
            peeked = await self.service.get_queue_client(queue).peek_messages(32)
        except ResourceNotFoundError:
            return []
        return [message.content for message in peeked]

    async def texts(self, queue: str) -> list[str]:
        return [base64.b64decode(text).decode() for text in await self.raw_texts(queue)]

    async def count(self, queue: str) -> int:
        properties = await self.service.get_queue_client(queue).get_queue_properties()
        return properties.approximate_message_count or 0

    async def wait_for(self, queue: str, count: int) -> list[str]:
        """The texts, once there are so many."""

        async def enough() -> list[str]:
            texts = await self.texts(queue)
            return texts if len(texts) >= count else []

        return await until_async(enough, f"{count} messages in {queue}")

    async def wait_empty(self, queue: str) -> None:
        async def empty() -> bool:
            return await self.count(queue) == 0

        await until_async(empty, f"{queue} is empty")


@pytest.fixture
async def queues(azurite: str) -> AsyncIterator[Queues]:
    """Queues of this worker's Azurite."""
    async with QueueServiceClient.from_connection_string(azurite) as service:
        yield Queues(service)

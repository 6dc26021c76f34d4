"""Storage queues: receive, delete, put, hide, create.

Invariant: a `QueueMessage` always carries the pop receipt that the service would accept now.
"""

import asyncio
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from urllib.parse import quote
from xml.sax.saxutils import escape

from emulators.functions_host.clients.storage import NOT_FOUND, StorageClient, StorageError


@dataclass(slots=True)
class QueueMessage:
    """A received message; the times are as the service wrote them (RFC 1123)."""

    id: str
    pop_receipt: str
    text: str
    dequeue_count: int
    insertion: str
    expiration: str
    next_visible: str


class QueueClient:
    """One queue."""

    def __init__(self, storage: StorageClient, name: str) -> None:
        self.name = name
        self._storage = storage

    @property
    def key(self) -> tuple[str, str]:
        """What tells this queue from every other."""
        return self._storage.endpoint, self.name

    def sibling(self, name: str) -> "QueueClient":
        """Return another queue of the same account."""
        return QueueClient(self._storage, name)

    async def receive(self, most: int, visibility: float) -> list[QueueMessage]:
        """Take up to `most` messages and hide them from others for a while."""
        query = f"numofmessages={most}&visibilitytimeout={int(visibility)}"
        answer = await self._storage.request("GET", f"{self.name}/messages", query)
        # The document is the storage service's own, not a caller's.
        return [_message(element) for element in ET.fromstring(answer.body)]  # noqa: S314 - own

    async def put(self, text: str) -> None:
        """Add a message of the given text, as it is to stand in the queue."""
        body = f"<QueueMessage><MessageText>{escape(text)}</MessageText></QueueMessage>"
        await self._storage.request("POST", f"{self.name}/messages", body=body.encode())

    async def put_or_create(self, text: str) -> None:
        """Add a message, to a queue that is made when it is missing."""
        try:
            await self.put(text)
        except StorageError as error:
            if error.status != NOT_FOUND:
                raise
            await self.create()
            await self.put(text)

    async def delete(self, message: QueueMessage) -> None:
        """Remove a message that was received."""
        await self._storage.request("DELETE", *self._address(message))

    async def hide(self, message: QueueMessage, seconds: float) -> None:
        """Keep a received message from others for so many seconds from now."""
        path, query = self._address(message)
        query = f"{query}&visibilitytimeout={int(seconds)}"
        answer = await self._storage.request("PUT", path, query)
        message.pop_receipt = answer.headers.get("x-ms-popreceipt", message.pop_receipt)

    async def create(self) -> None:
        """Make the queue; it may exist."""
        await self._storage.request("PUT", self.name)

    def _address(self, message: QueueMessage) -> tuple[str, str]:
        receipt = quote(message.pop_receipt, safe="")
        return f"{self.name}/messages/{message.id}", f"popreceipt={receipt}"


def _message(element: ET.Element) -> QueueMessage:
    def text(tag: str) -> str:
        return element.findtext(tag) or ""

    return QueueMessage(
        id=text("MessageId"),
        pop_receipt=text("PopReceipt"),
        text=text("MessageText"),
        dequeue_count=int(text("DequeueCount")),
        insertion=text("InsertionTime"),
        expiration=text("ExpirationTime"),
        next_visible=text("TimeNextVisible"),
    )


class Wakers:
    """Lets an output of this host wake the listeners of its queue, as the real host does."""

    def __init__(self) -> None:
        self._events: dict[tuple[str, str], set[asyncio.Event]] = {}

    def register(self, queue: QueueClient) -> asyncio.Event:
        """Return an event that is set whenever this host puts a message into the queue."""
        event = asyncio.Event()
        self._events.setdefault(queue.key, set()).add(event)
        return event

    def wake(self, queue: QueueClient) -> None:
        """Say that a message was put."""
        for event in self._events.get(queue.key, ()):
            event.set()

"""The queue that carries blobs from whoever noticed them to their functions, one for each app.

Because the work waits in a queue, a host that dies loses none of it, and a blob that fails is tried
again and then poisoned like a message. Invariant: what Azure's host writes here can be read here.
"""

import base64
import binascii
import json
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from emulators.functions_host.clients.queues import QueueClient, QueueMessage
from emulators.functions_host.clients.storage import StorageClient, StorageError
from emulators.functions_host.host_json import HostJson, HostJsonError, QueueOptions
from emulators.functions_host.model import BindingError
from emulators.functions_host.services import Services
from emulators.functions_host.triggers.queue_listener import QueueListener

POISON_QUEUE = "webjobs-blobtrigger-poison"
_MOST_BATCH = 32
_DEFAULT_TRIES = 5


@dataclass(frozen=True, slots=True)
class Noticed:
    """A blob that a function is to be run for."""

    function_id: str
    container: str
    name: str
    etag: str
    blob_type: str = "BlockBlob"

    def to_text(self) -> str:
        """Write it as a message, as the real host does."""
        members = {
            "Type": "BlobTrigger",
            "FunctionId": self.function_id,
            "BlobType": self.blob_type,
            "ContainerName": self.container,
            "BlobName": self.name,
            "ETag": self.etag,
        }
        return base64.b64encode(json.dumps(members).encode()).decode()


type Work = Callable[[Noticed], Awaitable[bool]]


class HostQueue:
    """The queue with its one listener, shared by all blob triggers of an app."""

    def __init__(self, services: Services, storage: StorageClient) -> None:
        name = re.sub(r"[^a-z0-9]+", "-", f"azure-webjobs-blobtrigger-{services.host_id}")
        self._queue = QueueClient(storage, name.strip("-"))
        self._console = services.console
        self._wakers = services.wakers
        self._work: dict[str, Work] = {}
        self._started = False
        self._listener = QueueListener(
            "blob triggers", self._queue, self._run, services, _options(services.host_json)
        )
        self._listener.poison = self._queue.sibling(POISON_QUEUE)

    def register(self, function_id: str, work: Work) -> None:
        """Take over a function's blobs."""
        self._work[function_id.lower()] = work

    def knows(self, function_id: str) -> bool:
        """Whether there is a function of that id."""
        return function_id.lower() in self._work

    async def start(self) -> None:
        """Begin to listen, once for all triggers."""
        if not self._started:
            await self._queue.create()
        if not self._started:
            # Asked again, because another trigger may have come first meanwhile.
            self._started = True
            await self._listener.start()

    async def stop(self) -> None:
        """Stop listening, and wait for what runs."""
        await self._listener.stop()

    async def put(self, noticed: Noticed) -> None:
        """Add a blob."""
        await self._queue.put_or_create(noticed.to_text())
        self._wakers.wake(self._queue)

    async def _run(self, message: QueueMessage) -> bool:
        try:
            noticed = _read(message.text)
        except (ValueError, KeyError, TypeError, binascii.Error):
            self._console.warn(f"queue {self._queue.name}: message {message.id} is no blob message")
            return False
        work = self._work.get(noticed.function_id.lower())
        if work is None:
            # Its function is gone; the real host drops the message, too.
            self._console.warn(f"blob {noticed.name}: no function {noticed.function_id}; dropped")
            return True
        try:
            return await work(noticed)
        except StorageError as error:
            self._console.warn(f"blob {noticed.container}/{noticed.name}: {error}")
            return False


def host_storage(services: Services, connection: str | None, service: str) -> StorageClient:
    """Return the app's own storage, or a binding's when the app has none of its own."""
    try:
        return services.storage(None, service)
    except BindingError:
        return services.storage(connection, service)


def _read(text: str) -> Noticed:
    members: dict[str, Any] = json.loads(base64.b64decode(text, validate=True))
    folded = {name.lower(): str(value) for name, value in members.items()}
    return Noticed(
        function_id=folded["functionid"],
        container=folded["containername"],
        name=folded["blobname"],
        etag=folded.get("etag", ""),
        blob_type=folded.get("blobtype", "BlockBlob"),
    )


def _options(host_json: HostJson) -> QueueOptions:
    """Read `extensions.blobs`: so many at once, and so many tries before poison."""
    section = host_json.section("extensions", "blobs")
    at_once = _whole(section, "maxDegreeOfParallelism", 8 * (os.cpu_count() or 1))
    batch = min(_MOST_BATCH, (at_once + 1) // 2)
    return replace(
        host_json.queues,
        batch_size=batch,
        new_batch_threshold=at_once - batch,
        max_dequeue_count=_whole(section, "poisonBlobThreshold", _DEFAULT_TRIES),
        visibility_timeout=0.0,
        base64=True,
    )


def _whole(section: dict[str, Any], key: str, default: int) -> int:
    value = section.get(key.lower(), default)
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or int(text) < 1:
        raise HostJsonError(f"extensions.blobs.{key} must be a number from 1 up, not {value!r}")
    return int(text)

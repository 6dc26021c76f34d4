"""The webhook `/runtime/webhooks/blobs`: Event Grid tells of blobs, the host's queue takes them.

Invariant: a call is answered only after its blobs stand in the queue; Event Grid sends again what was
not answered.
"""

from typing import Any
from urllib.parse import unquote, urlsplit

from emulators.functions_host.clients.storage import StorageError
from emulators.functions_host.console import Console
from emulators.functions_host.http.request import Request
from emulators.functions_host.http.response import Response
from emulators.functions_host.services import Services
from emulators.functions_host.triggers.blob.host_queue import HostQueue, Noticed, host_storage
from emulators.functions_host.triggers.event_grid import delivery

EXTENSION = "blobs"
_EMULATOR_ACCOUNT = "devstoreaccount1"


class BlobWebhook:
    """Takes Event Grid's events for all blob triggers of the app."""

    def __init__(self, queue: HostQueue, console: Console) -> None:
        self.queue = queue
        self._console = console

    async def handle(self, request: Request, body: bytes) -> Response:
        """Answer a delivery."""
        function = request.query.get("functionName", "")
        return await delivery.handle(request, body, lambda events: self._put(function, events))

    async def _put(self, function: str, events: list[dict[str, Any]]) -> Response:
        if not self.queue.knows(function):
            # Azure takes and drops them.
            self._console.warn(
                f"Event Grid told of blobs for {function!r}, which is no blob trigger; the "
                "webhook's functionName is Host.Functions.<name>"
            )
        try:
            for event in events:
                await self.queue.put(_noticed(function, event))
        except (KeyError, TypeError, ValueError) as error:
            return Response(400, f"the event is not of a blob: {error!r}".encode())
        except StorageError as error:
            return Response(500, str(error).encode())
        return Response(202)


def blob_webhook(services: Services, connection: str | None) -> BlobWebhook:
    """Return the app's webhook of blobs, made with the first trigger."""
    found = services.webhooks.get(EXTENSION)
    if found is None:
        queue = HostQueue(services, host_storage(services, connection, "queue"))
        found = services.webhooks[EXTENSION] = BlobWebhook(queue, services.console)
    if not isinstance(found, BlobWebhook):
        raise TypeError(f"another webhook answers for {EXTENSION}")
    return found


def _noticed(function: str, event: dict[str, Any]) -> Noticed:
    data = event["data"]
    parts = unquote(urlsplit(str(data["url"])).path).lstrip("/").split("/")
    if parts[0] == _EMULATOR_ACCOUNT:
        parts = parts[1:]
    container, name = parts[0], "/".join(parts[1:])
    if not name:
        raise ValueError(data["url"])
    etag = f'"{str(data.get("eTag", "")).strip(chr(34))}"'
    return Noticed(function, container, name, etag, str(data.get("blobType", "BlockBlob")))

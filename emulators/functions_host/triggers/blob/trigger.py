"""The blob trigger itself: notices new versions of blobs, and runs its function for each.

By polling (the default) a scan of the container notices them, and receipts keep each version from being
noticed twice; with source EventGrid the webhook does. Invariant: between noticing and running there is
always a message in the host's queue.
"""

import asyncio
import contextlib

from emulators.functions_host.clients.blobs import Blob, BlobClient, Listed, listing
from emulators.functions_host.clients.storage import StorageError
from emulators.functions_host.expressions import Pattern
from emulators.functions_host.model import BindingError, InputError, TriggerInput
from emulators.functions_host.services import Services
from emulators.functions_host.triggers.base import Wiring
from emulators.functions_host.triggers.blob.host_queue import Noticed, host_storage
from emulators.functions_host.triggers.blob.receipts import Receipts
from emulators.functions_host.triggers.blob.value import trigger_input
from emulators.functions_host.triggers.blob.webhook import blob_webhook

_AZURE_POLL_SECONDS = 10.0
_FAST_POLL_SECONDS = 0.25
_TROUBLE_POLL_SECONDS = 1.0


class BlobTrigger:
    """Runs one function for each new version of the blobs that fit its path."""

    def __init__(self, wiring: Wiring, services: Services) -> None:
        binding = wiring.binding
        self._wiring = wiring
        self._console = services.console
        connection = binding.text("connection")
        self._storage = services.storage(connection, "blob")
        path = services.settings.resolved(binding, "path")
        self._container, self._prefix = _parts(path)
        self._pattern = Pattern(path if "/" in path else f"{path}/{{name}}")
        self._by_event = (binding.text("source") or "").lower() == "eventgrid"
        self._describe = f"blobTrigger {path}" + (" (Event Grid)" if self._by_event else "")
        self._id = f"Host.Functions.{wiring.function.name}"
        own = host_storage(services, connection, "blob")
        self._receipts = Receipts(own, services.host_id, self._id)
        self._queue = blob_webhook(services, connection).queue
        self._queue.register(self._id, self._run)
        self._seen: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""
        self._stopping = asyncio.Event()
        self._pause = _AZURE_POLL_SECONDS if services.azure_timing else _FAST_POLL_SECONDS

    def describe(self) -> str:
        """Say the path."""
        return self._describe

    async def start(self) -> None:
        """Begin to look, or to be told."""
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Look no more, and wait for what runs."""
        # A flag and not a cancellation: a blob noticed by half would run twice.
        self._stopping.set()
        if self._task is not None:
            await self._task
        await self._queue.stop()

    async def manual(self, text: str) -> TriggerInput | None:
        """Return a run for the blob at the path `container/name`."""
        container, _, name = text.partition("/")
        client = BlobClient(self._storage, container, name)
        try:
            blob = await client.get() if name else None
        except StorageError as error:
            raise InputError(f"blob {text!r}: {error}") from error
        if blob is None:
            raise InputError(f"there is no blob {text!r}; the input is container/name")
        return self._value(client, blob)

    async def _watch(self) -> None:
        while (pause := await self._look()) is not None and not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    async def _look(self) -> float | None:
        """Look once; return the seconds until the next time, or None when there is none."""
        try:
            await self._queue.start()
            if self._by_event:
                return None
            await self._scan()
        except StorageError as error:
            self._note_trouble(error)
            return _TROUBLE_POLL_SECONDS
        self._trouble = ""
        return self._pause

    def _note_trouble(self, error: StorageError) -> None:
        if str(error) != self._trouble:
            self._trouble = str(error)
            name = self._wiring.function.name
            self._console.warn(f"{name}: blobs cannot be watched: {error}; still trying")

    async def _scan(self) -> None:
        async for blob in listing(self._storage, self._container, self._prefix):
            if self._seen.get(blob.name) != blob.etag:
                await self._notice(blob)
                self._seen[blob.name] = blob.etag

    async def _notice(self, blob: Listed) -> None:
        path = f"{self._container}/{blob.name}"
        if self._pattern.match(path) is None:
            return
        receipt = await self._receipts.open(blob.etag, path)
        if receipt is not None:
            await self._queue.put(Noticed(self._id, self._container, blob.name, blob.etag))
            await self._receipts.close(receipt)

    async def _run(self, noticed: Noticed) -> bool:
        """Run for a blob that was noticed; one that is gone, or changed since, is left to others."""
        client = BlobClient(self._storage, noticed.container, noticed.name)
        blob = await client.get()
        if blob is None or (not self._by_event and blob.etag != noticed.etag):
            return True
        outcome = await self._wiring.run(self._value(client, blob))
        return outcome.ok

    def _value(self, client: BlobClient, blob: Blob) -> TriggerInput:
        captured = self._pattern.match(f"{client.container}/{client.name}")
        return trigger_input(client, blob, captured or {})


def _parts(path: str) -> tuple[str, str]:
    """Return the container of a path, and how the names of its blobs begin.

    Raises:
        BindingError: if the path is not `container` or `container/name`.
    """
    container, slash, name = path.partition("/")
    if not container or (slash and not name) or "\\" in container:
        raise BindingError(f"the blob path {path!r} must be container/name")
    if "{" in container:
        raise BindingError(f"the container of the blob path {path!r} cannot hold expressions")
    return container, name.partition("{")[0]

"""The Storage queue output.

Invariant: what arrives in the queue is what the real host would have put there: split, indented and
encoded as `fidelity` and host.json say.
"""

import base64
from typing import Any

from emulators.functions_host import fidelity
from emulators.functions_host.clients.storage import NOT_FOUND, StorageError
from emulators.functions_host.model import Binding, OutputError, TriggerInput, Typed
from emulators.functions_host.services import Services


class QueueOutput:
    """Puts messages into one queue, which is made when it is missing."""

    def __init__(self, binding: Binding, services: Services) -> None:
        self._queue = services.queue(binding)
        self._base64 = services.host_json.queues.base64
        self._wakers = services.wakers

    async def write(self, value: Typed, trigger: TriggerInput) -> None:
        """Put each message of the value."""
        del trigger
        for item in fidelity.split_output(value):
            body = fidelity.queue_message(_unwrap(item) if value[0] == "json" else item)
            try:
                await self._put(body.encode() if isinstance(body, str) else body)
            except StorageError as error:
                raise OutputError(f"queue {self._queue.name!r}: {error}") from error
        self._wakers.wake(self._queue)

    async def _put(self, body: bytes) -> None:
        text = base64.b64encode(body).decode() if self._base64 else body.decode(errors="replace")
        try:
            await self._queue.put(text)
        except StorageError as error:
            if error.status != NOT_FOUND:
                raise
            await self._queue.create()
            await self._queue.put(text)


def _unwrap(item: Any) -> Any:
    """A `func.QueueMessage` comes as `{"id": …, "body": …}`; its body is the message."""
    if isinstance(item, dict) and set(item) == {"id", "body"}:
        return item["body"]
    return item

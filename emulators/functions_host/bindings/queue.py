"""The Storage queue output.

Invariant: what arrives in the queue is what the real host would have put there: split, indented and
encoded as `fidelity` and host.json say.
"""

import base64
from typing import Any

from emulators.functions_host import fidelity
from emulators.functions_host.clients.queues import QueueClient
from emulators.functions_host.clients.storage import StorageError
from emulators.functions_host.model import Binding, OutputError, TriggerInput, Typed
from emulators.functions_host.services import Services


class QueueOutput:
    """Puts messages into one queue, which is made when it is missing."""

    def __init__(self, binding: Binding, services: Services) -> None:
        self._storage = services.storage(binding.text("connection"), "queue")
        self._name = services.template(binding, "queueName")
        self._base64 = services.host_json.queues.base64
        self._wakers = services.wakers

    async def write(self, value: Typed, trigger: TriggerInput) -> None:
        """Put each message of the value."""
        queue = QueueClient(self._storage, self._name.fill(trigger).lower())
        for item in fidelity.split_output(value):
            body = fidelity.message_body(_unwrap(item) if value[0] == "json" else item, value[0])
            try:
                await queue.put_or_create(self._encode(body))
            except StorageError as error:
                raise OutputError(f"queue {queue.name!r}: {error}") from error
        self._wakers.wake(queue)

    def _encode(self, body: bytes) -> str:
        return base64.b64encode(body).decode() if self._base64 else body.decode(errors="replace")


def _unwrap(item: Any) -> Any:
    """A `func.QueueMessage` comes as `{"id": …, "body": …}`; its body is the message."""
    if isinstance(item, dict) and set(item) == {"id", "body"}:
        return item["body"]
    return item

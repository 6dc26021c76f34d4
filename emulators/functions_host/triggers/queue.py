"""The Storage queue trigger: what a message's function gets.

Invariant: a message whose text is not what messageEncoding says is never given to its function; it
fails, as it does in Azure.
"""

import base64
import binascii
import json
from email.utils import parsedate_to_datetime

from emulators.functions_host import fidelity
from emulators.functions_host.clients.queues import QueueMessage
from emulators.functions_host.host_json import QueueOptions
from emulators.functions_host.model import Binding, Metadata, TriggerInput, Typed
from emulators.functions_host.services import Services
from emulators.functions_host.strict import Trap
from emulators.functions_host.triggers.base import Wiring, typed_text
from emulators.functions_host.triggers.queue_listener import QueueListener


class UndecodableError(Exception):
    """The text of a message is not what messageEncoding says."""


class QueueTrigger:
    """Listens to one queue for one function."""

    def __init__(self, wiring: Wiring, services: Services) -> None:
        self._wiring = wiring
        self._services = services
        self._options = services.host_json.queues
        self._console = services.console
        self._queue = services.queue(wiring.binding)
        self._listener = QueueListener(wiring.function.name, self._queue, self._run, services)

    def describe(self) -> str:
        """Say the queue."""
        return f"queueTrigger {self._queue.name}"

    async def start(self) -> None:
        """Begin to poll."""
        await self._listener.start()

    async def stop(self) -> None:
        """Stop polling, and wait for the messages that run."""
        await self._listener.stop()

    async def manual(self, text: str) -> TriggerInput | None:
        """Return a run with the text as a message's body, and no metadata of a real message."""
        metadata = fidelity.merge_json_body({"QueueTrigger": ("string", text)}, text)
        return TriggerInput(typed_text(self._wiring.binding, text), metadata)

    async def _run(self, message: QueueMessage) -> bool:
        try:
            value = trigger_input(self._wiring.binding, message, self._options)
        except UndecodableError as error:
            self._console.warn(f"queue {self._queue.name}: message {message.id}: {error}")
            self._note(Trap.NOT_BASE64, "got a message that is not base64")
            return False
        if value.metadata["Id"] != ("string", message.id):
            self._note(Trap.METADATA, "got a JSON body with an `id`, which msg.id now is")
        outcome = await self._wiring.run(value)
        return outcome.ok

    def _note(self, trap: Trap, detail: str) -> None:
        self._services.note(trap, self._wiring.function.name, detail)


def trigger_input(binding: Binding, message: QueueMessage, options: QueueOptions) -> TriggerInput:
    """Return what a message's invocation gets.

    Raises:
        UndecodableError: if the text is not base64 although it has to be.
    """
    payload = _decode(message.text) if options.base64 else message.text.encode()
    text = payload.decode(errors="replace")
    value = typed_text(binding, payload)
    metadata = _metadata(message, text)
    # The host looks for JSON in text only, so `dataType` binary keeps the metadata as it is.
    is_text = value[0] == "string"
    return TriggerInput(value, fidelity.merge_json_body(metadata, text) if is_text else metadata)


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise UndecodableError(
            "its text is not base64. Send it with TextBase64EncodePolicy, or set "
            'extensions.queues.messageEncoding to "none" in host.json'
        ) from error


def _metadata(message: QueueMessage, text: str) -> Metadata:
    return {
        "QueueTrigger": ("string", text),
        "Id": ("string", message.id),
        "PopReceipt": ("string", message.pop_receipt),
        "DequeueCount": ("json", str(message.dequeue_count)),
        "InsertionTime": _time(message.insertion),
        "ExpirationTime": _time(message.expiration),
        "NextVisibleTime": _time(message.next_visible),
    }


def _time(text: str) -> Typed:
    """A DateTimeOffset goes to the worker as its JSON."""
    return ("json", json.dumps(parsedate_to_datetime(text).isoformat()))

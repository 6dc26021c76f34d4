"""The Storage queue trigger: polls, runs, deletes; hides again or poisons what failed.

Invariant: a message is deleted only after its invocation succeeded, or after its text was copied to
the poison queue. At most `batchSize + newBatchThreshold` messages of one function run at a time, so
with 1 and 0 they run one after another in the order received.
"""

import asyncio
import base64
import binascii
import contextlib
import json
import random
from email.utils import parsedate_to_datetime

from emulators.functions_host import fidelity
from emulators.functions_host.clients.queues import QueueMessage
from emulators.functions_host.clients.storage import NOT_FOUND, StorageError
from emulators.functions_host.host_json import QueueOptions
from emulators.functions_host.model import Binding, Metadata, TriggerInput, Typed
from emulators.functions_host.services import Services
from emulators.functions_host.strict import Trap
from emulators.functions_host.triggers.base import Wiring, typed_text

VISIBILITY_SECONDS = 600.0
"""How long a received message is hidden; renewed at half of it while its function runs."""

_LEAST_POLL = 0.1
# Locally the first empty polls follow each other fast, because an answer often brings a question;
# then ten polls a second are what a laptop does not feel.
_FAST_LEAST_POLL = 0.01
_FAST_GROWTH = 1.5
_FAST_POLL_CAP = 0.1
_TROUBLE_POLL = 1.0
_POISON = "-poison"


class UndecodableError(Exception):
    """The text of a message is not what messageEncoding says."""


class QueueTrigger:
    """Listens to one queue for one function."""

    def __init__(self, wiring: Wiring, services: Services) -> None:
        self._wiring = wiring
        self._options = services.host_json.queues
        self._services = services
        self._console = services.console
        self._queue = services.queue(wiring.binding)
        self._azure_timing = services.azure_timing
        self._woken = services.wakers.register(self._queue)
        self._running: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""
        self._empty_polls = 0
        self._stopping = False

    def describe(self) -> str:
        """Say the queue."""
        return f"queueTrigger {self._queue.name}"

    async def start(self) -> None:
        """Begin to poll."""
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Stop polling, and wait for the messages that run."""
        # A flag and not a cancellation: a batch lost on its way here would stay hidden for minutes.
        self._stopping = True
        self._woken.set()
        if self._task is not None:
            await self._task
        if self._running:
            await asyncio.wait(self._running)

    def manual(self, text: str) -> TriggerInput | None:
        """Return a run with the text as a message's body, and no metadata of a real message."""
        return TriggerInput(
            typed_text(self._wiring.binding, text), {"QueueTrigger": ("string", text)}
        )

    async def _listen(self) -> None:
        while not self._stopping:
            await self._wait_for_room()
            messages = await self._receive()
            if self._stopping:
                await self._give_back(messages)
                return
            for message in messages:
                task = asyncio.create_task(self._process(message))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            if messages:
                self._empty_polls = 0
            else:
                await self._pause()

    async def _give_back(self, messages: list[QueueMessage]) -> None:
        for message in messages:
            with contextlib.suppress(StorageError):
                await self._queue.hide(message, 0)

    async def _wait_for_room(self) -> None:
        while len(self._running) > self._options.new_batch_threshold:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _receive(self) -> list[QueueMessage]:
        try:
            messages = await self._queue.receive(self._options.batch_size, VISIBILITY_SECONDS)
        except StorageError as error:
            self._note_trouble(error)
            return []
        if self._trouble:
            self._trouble = ""
            self._console.say(f"queue {self._queue.name}: reachable again")
        return messages

    def _note_trouble(self, error: StorageError) -> None:
        """Say once what is wrong; the queue may yet be made, and the account may yet start."""
        missing = error.status == NOT_FOUND
        trouble = "does not exist yet" if missing else f"cannot be read: {error}"
        if trouble != self._trouble:
            self._trouble = trouble
            name = self._wiring.function.name
            self._console.warn(f"{name}: the queue {self._queue.name!r} {trouble}; still polling")

    async def _pause(self) -> None:
        """Back off, as the real listener does when asked for Azure's timing, else much less."""
        self._empty_polls += 1
        if self._azure_timing:
            delay = azure_delay(self._empty_polls, self._options.max_polling_interval)
        else:
            delay = fast_delay(self._empty_polls)
        if not self._stopping:
            self._woken.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TROUBLE_POLL if self._trouble else delay):
                await self._woken.wait()

    async def _process(self, message: QueueMessage) -> None:
        """Take one message to its end: deleted, visible again, or poison."""
        renewing = asyncio.create_task(self._renew(message))
        try:
            succeeded = await self._run(message)
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing
        try:
            await (self._queue.delete(message) if succeeded else self._failed(message))
        except StorageError as error:
            # The message comes back by itself: at-least-once is the contract.
            self._console.warn(f"queue {self._queue.name}: message {message.id}: {error}")

    async def _run(self, message: QueueMessage) -> bool:
        if message.dequeue_count > self._options.max_dequeue_count:
            return False
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

    async def _failed(self, message: QueueMessage) -> None:
        if message.dequeue_count < self._options.max_dequeue_count:
            await self._queue.hide(message, self._options.visibility_timeout)
        elif self._queue.name.endswith(_POISON):
            # A poison queue has no poison queue of its own; the message stays hidden a while.
            await self._queue.hide(message, VISIBILITY_SECONDS)
        else:
            await self._poison(message)

    async def _poison(self, message: QueueMessage) -> None:
        poison = self._queue.sibling(self._queue.name + _POISON)
        try:
            await poison.put(message.text)
        except StorageError as error:
            if error.status != NOT_FOUND:
                raise
            await poison.create()
            await poison.put(message.text)
        await self._queue.delete(message)
        self._console.warn(
            f"{self._wiring.function.name}: message {message.id} failed "
            f"{message.dequeue_count} times and was moved to {poison.name!r}"
        )

    async def _renew(self, message: QueueMessage) -> None:
        while True:
            await asyncio.sleep(VISIBILITY_SECONDS / 2)
            with contextlib.suppress(StorageError):
                await self._queue.hide(message, VISIBILITY_SECONDS)


def fast_delay(empty_polls: int) -> float:
    """Return the local wait after so many empty polls in a row."""
    grown: float = _FAST_LEAST_POLL * _FAST_GROWTH ** min(empty_polls - 1, 30)
    return min(grown, _FAST_POLL_CAP)


def azure_delay(empty_polls: int, cap: float) -> float:
    """Return Azure's wait after so many empty polls (RandomizedExponentialBackoffStrategy)."""
    cap = max(cap, _LEAST_POLL)
    if empty_polls <= 1:
        return _LEAST_POLL
    spread = random.uniform(0.8, 1.2)  # noqa: S311 - spreads polls, no secret
    grown: float = spread * 2.0 ** min(empty_polls - 2, 30) * _LEAST_POLL
    return min(_LEAST_POLL + grown, cap)


def trigger_input(binding: Binding, message: QueueMessage, options: QueueOptions) -> TriggerInput:
    """Return what a message's invocation gets.

    Raises:
        UndecodableError: if the text is not base64 although it has to be.
    """
    payload = _decode(message.text) if options.base64 else message.text.encode()
    text = payload.decode(errors="replace")
    metadata = fidelity.merge_json_body(_metadata(message, text), text)
    return TriggerInput(typed_text(binding, payload), metadata)


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

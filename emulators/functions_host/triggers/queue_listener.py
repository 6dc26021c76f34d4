"""Listens to one Storage queue: polls, hands each message on, deletes it, hides it again or poisons it.

Invariant: a message is deleted only after its work succeeded, or after its text was copied to the
poison queue. At most `batchSize + newBatchThreshold` messages run at a time, so with 1 and 0 they run
one after another in the order received.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

from emulators.functions_host.clients.queues import QueueClient, QueueMessage
from emulators.functions_host.clients.storage import NOT_FOUND, StorageError
from emulators.functions_host.host_json import QueueOptions
from emulators.functions_host.services import Services

VISIBILITY_SECONDS = 600.0
"""How long a received message is hidden; renewed at half of it while its function runs."""

POISON = "-poison"
"""What the name of a poison queue ends with."""

type Work = Callable[[QueueMessage], Awaitable[bool]]
"""Runs a message; whether it succeeded."""

_LEAST_POLL = 0.1
# Locally the first empty polls follow each other fast, because an answer often brings a question;
# then ten polls a second are what a laptop does not feel.
_FAST_LEAST_POLL = 0.01
_FAST_GROWTH = 1.5
_FAST_POLL_CAP = 0.1
_TROUBLE_POLL = 1.0


class QueueListener:
    """Listens to one queue for one piece of work."""

    def __init__(
        self,
        name: str,
        queue: QueueClient,
        work: Work,
        services: Services,
        options: QueueOptions | None = None,
    ) -> None:
        self._name = name
        self._queue = queue
        self._work = work
        self._options = options or services.host_json.queues
        self._console = services.console
        self._azure_timing = services.azure_timing
        self._woken = services.wakers.register(queue)
        self._running: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""
        self._empty_polls = 0
        self._stopping = False
        self.poison: QueueClient | None = None
        if not queue.name.endswith(POISON):
            # A poison queue has no poison queue of its own.
            self.poison = queue.sibling(queue.name + POISON)

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
            self._console.warn(
                f"{self._name}: the queue {self._queue.name!r} {trouble}; still polling"
            )

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
        too_often = message.dequeue_count > self._options.max_dequeue_count
        return False if too_often else await self._work(message)

    async def _failed(self, message: QueueMessage) -> None:
        if message.dequeue_count < self._options.max_dequeue_count:
            await self._queue.hide(message, self._options.visibility_timeout)
        elif self.poison is None:
            # It stays hidden a while, and is tried again.
            await self._queue.hide(message, VISIBILITY_SECONDS)
        else:
            await self.poison.put_or_create(message.text)
            await self._queue.delete(message)
            self._console.warn(
                f"{self._name}: message {message.id} failed {message.dequeue_count} times and was "
                f"moved to {self.poison.name!r}"
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

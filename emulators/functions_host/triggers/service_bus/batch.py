"""Listens for `cardinality` many: one batch at a time, from a queue or from one session after another.

Invariant: the next batch is asked for only when the one before is settled.
"""

import asyncio
import time
from typing import TYPE_CHECKING

from emulators.functions_host.host_json import ServiceBusOptions
from emulators.functions_host.triggers.service_bus.handler import Handler
from emulators.functions_host.triggers.service_bus.link import Link, LinkError, LockLostError
from emulators.functions_host.triggers.service_bus.source import RECEIVE_SECONDS, Source

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusReceivedMessage

# How long more messages may follow the first, as in .NET. The SDK itself would wait 0.2 s for them.
_FOLLOW_SECONDS = 0.02


class BatchListener:
    """Listens for batches."""

    def __init__(
        self, source: Source, handler: Handler, options: ServiceBusOptions, *, sessions: bool
    ) -> None:
        self._source = source
        self._handler = handler
        self._options = options
        self._sessions = sessions
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Take no further message, and wait for the batch that runs."""
        self._source.stop()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _listen(self) -> None:
        while not self._source.stopped:
            if (link := await self._source.open()) is not None:
                await self._serve(link)

    async def _serve(self, link: Link) -> None:
        trouble: LinkError | None = None
        try:
            await self._drain(link)
        except LinkError as error:
            trouble = error
        self._source.close(link)
        if trouble is not None and not isinstance(trouble, LockLostError):
            await self._source.trouble(trouble)

    async def _drain(self, link: Link) -> None:
        """Run batch after batch; a session is done when none comes for its idle time."""
        while not self._source.stopped:
            if messages := await self._batch(link):
                await self._handler.many(link, messages)
            elif self._sessions:
                return

    async def _batch(self, link: Link) -> "list[ServiceBusReceivedMessage]":
        """Gather what is there; with a least size, wait for it as long as host.json says."""
        options = self._options
        wait = options.session_idle_timeout if self._sessions else RECEIVE_SECONDS
        messages = await link.receive(1, wait)
        end = time.monotonic() + options.max_batch_wait if options.min_batch > 1 else 0.0
        while messages and len(messages) < options.max_batch:
            missing = len(messages) < options.min_batch
            left = max(end - time.monotonic(), _FOLLOW_SECONDS) if missing else _FOLLOW_SECONDS
            more = await link.receive(options.max_batch - len(messages), left)
            messages += more
            if not more and (not missing or time.monotonic() >= end):
                break
        return messages

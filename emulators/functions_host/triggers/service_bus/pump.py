"""Hands on messages one by one, several at a time: from a queue, or from one session.

Invariant: at most `most` calls run at once, and a message is asked for only when one more may; so
none waits here with its lock running.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from emulators.functions_host.triggers.service_bus.handler import Handler
from emulators.functions_host.triggers.service_bus.link import Link, LinkError
from emulators.functions_host.triggers.service_bus.source import RECEIVE_SECONDS, Source

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusReceivedMessage

type Handle = Callable[[Link, "ServiceBusReceivedMessage"], Awaitable[None]]


class Calls:
    """The calls of one function, or of one session, that run now."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: dict[asyncio.Task[None], float] = {}

    def began(self) -> float | None:
        """Return when the oldest began (monotonic), or None when none runs."""
        return min(self._running.values(), default=None)

    def start(self, work: Awaitable[None]) -> None:
        """Begin one more."""
        task = asyncio.ensure_future(work)
        self._running[task] = time.monotonic()
        task.add_done_callback(self._running.pop)

    async def room(self) -> None:
        """Wait until one more may begin."""
        while len(self._running) >= self._most:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def end(self) -> None:
        """Wait until none runs."""
        while self._running:
            await asyncio.wait(self._running)


async def pump(
    source: Source, link: Link, handle: Handle, calls: Calls, idle: float | None = None
) -> None:
    """Hand on a link's messages until the source is stopped, or nothing came for `idle` seconds.

    Raises:
        LinkError: if the link is broken.
    """
    quiet_since = time.monotonic()
    while not source.stopped:
        if calls.began() is not None:
            await calls.room()
            quiet_since = time.monotonic()
        left = RECEIVE_SECONDS if idle is None else quiet_since + idle - time.monotonic()
        if left <= 0:
            return
        for message in await link.receive(1, left):
            calls.start(handle(link, message))


class QueueListener:
    """Listens without sessions, on one link."""

    def __init__(self, source: Source, handler: Handler, most: int) -> None:
        self._source = source
        self._handler = handler
        self._calls = Calls(most)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Take no further message, and wait for the calls that run."""
        self._source.stop()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _listen(self) -> None:
        while not self._source.stopped:
            if (link := await self._source.open()) is not None:
                await self._serve(link)

    async def _serve(self, link: Link) -> None:
        try:
            await pump(self._source, link, self._handler.one, self._calls)
            await self._calls.end()
        except LinkError as error:
            await self._source.trouble(error)
        self._source.close(link)

"""Listens to sessions: accepts them as they come, so many at once, each in order.

Invariant: at most `maxConcurrentSessions` are held or waited for. A session is held for
`sessionIdleTimeout` after its last message, so a setting that would leave others waiting in Azure
leaves them waiting here.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable

from emulators.functions_host.host_json import ServiceBusOptions
from emulators.functions_host.triggers.service_bus.handler import Handler
from emulators.functions_host.triggers.service_bus.link import Link, LinkError, LockLostError
from emulators.functions_host.triggers.service_bus.pump import Calls, pump
from emulators.functions_host.triggers.service_bus.renewal import keep_session
from emulators.functions_host.triggers.service_bus.source import Source

# Azure waits for 2 x cores sessions at once. Opening a link takes this SDK some tenths of a second
# and .NET's a few milliseconds, so more are kept waiting for a burst of new sessions.
_LEAST_ACCEPTS = 16


class SessionListener:
    """Listens to the sessions of one queue or subscription."""

    def __init__(
        self,
        source: Source,
        handler: Handler,
        options: ServiceBusOptions,
        on_all_held: Callable[[int], None],
    ) -> None:
        self._source = source
        self._handler = handler
        self._options = options
        self._on_all_held = on_all_held
        accepts = max(2 * (os.process_cpu_count() or 1), _LEAST_ACCEPTS)
        self._accepts = asyncio.Semaphore(min(accepts, options.max_concurrent_sessions))
        self._held = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to accept sessions."""
        most = self._options.max_concurrent_sessions
        self._tasks = {asyncio.create_task(self._listen()) for _ in range(most)}

    async def stop(self) -> None:
        """Take no further message, wait for the calls that run, and let the sessions go."""
        self._source.stop()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _listen(self) -> None:
        """Hold one session after another."""
        while not self._source.stopped:
            async with self._accepts:
                link = await self._source.open()
            if link is not None:
                self._held += 1
                if self._held == self._options.max_concurrent_sessions:
                    self._on_all_held(self._held)
                await self._serve(link)
                self._held -= 1

    async def _serve(self, link: Link) -> None:
        """Work through one session until it is quiet."""
        calls = Calls(self._options.max_concurrent_calls_per_session)
        limit = self._options.max_auto_lock_renewal
        idle = self._options.session_idle_timeout
        keeping = asyncio.create_task(keep_session(link, calls.began, limit))
        trouble: LinkError | None = None
        try:
            await pump(self._source, link, self._handler.of_session, calls, idle)
        except LinkError as error:
            trouble = error
        await calls.end()
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        self._source.close(link)
        if trouble is not None and not isinstance(trouble, LockLostError):
            await self._source.trouble(trouble)

"""Where a function's messages come from: opens links, and waits out a broker that is away.

Invariant: a broker that cannot be reached is told of once, tried again with growing pauses, and
never keeps the host from starting or stopping.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from emulators.functions_host.clients.service_bus import Entity, Namespace
from emulators.functions_host.console import Console
from emulators.functions_host.host_json import ServiceBusOptions
from emulators.functions_host.triggers.service_bus.link import Link, LinkError, NoSessionError

RECEIVE_SECONDS = 60.0
"""How long one receive waits, as .NET's: it is then asked again."""

_OPEN_SECONDS = 60.0
_SHORTEST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """A function's name, and what it listens to."""

    function: str
    namespace: Namespace
    entity: Entity
    sessions: bool


class Source:
    """Gives out links until it is stopped."""

    def __init__(
        self, place: Place, options: ServiceBusOptions, console: Console, poll: float
    ) -> None:
        self._place = place
        self._prefetch = options.prefetch_count
        self._console = console
        self._poll = poll
        self._stop = asyncio.Event()
        self._links: set[Link] = set()
        self._troubles: set[str] = set()
        self._away_since = 0.0

    @property
    def stopped(self) -> bool:
        """Whether no new message may be begun."""
        return self._stop.is_set()

    async def open(self) -> Link | None:
        """Return an open link; None after a pause, when there is none to be had now."""
        if self.stopped:
            return None
        wait = random.uniform(0.5, 1) * _OPEN_SECONDS if self._place.sessions else None  # noqa: S311 - spreads the accepts, no secret
        link = Link(
            self._place.namespace.receiver(
                self._place.entity, session_wait=wait, prefetch=self._prefetch, poll=self._poll
            )
        )
        try:
            if not await self._unless_stopped(link.open(_OPEN_SECONDS + (wait or 0))):
                return None
        except NoSessionError:
            self._reached()
            return None
        except LinkError as error:
            await self.trouble(error)
            return None
        self._reached()
        self._links.add(link)
        return link

    def close(self, link: Link) -> None:
        """Let a link go; its session is free at once, the connection a moment later."""
        self._links.discard(link)
        self._place.namespace.finish(_closed(link))

    async def trouble(self, error: LinkError) -> None:
        """Tell of what is wrong, once for each kind, and pause: the longer the longer it lasts."""
        now = time.monotonic()
        if not self._troubles:
            self._away_since = now
        kind = type(error.__cause__ or error).__name__
        if kind not in self._troubles:
            self._troubles.add(kind)
            self._console.warn(
                f"{self._place.function}: {self._place.entity.path!r} cannot be listened to: "
                f"{error}; still trying"
            )
        pause = min(max((now - self._away_since) / 2, _SHORTEST_PAUSE), _LONGEST_PAUSE)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._stop.wait()

    def stop(self) -> None:
        """Let no further message come; open links can still settle."""
        self._stop.set()
        for link in self._links:
            link.end_receiving()

    def _reached(self) -> None:
        if self._troubles:
            self._troubles.clear()
            path = self._place.entity.path
            self._console.say(f"{self._place.function}: {path!r} is reachable again")

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do some waiting that may be broken off; whether it was done."""
        task = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            if not task.done():
                task.cancel()
                self._place.namespace.finish(task)
        if not task.done():
            return False
        task.result()
        return True


async def _closed(link: Link) -> None:
    with contextlib.suppress(LinkError):
        await link.close()

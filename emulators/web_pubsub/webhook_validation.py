"""The abuse protection of CloudEvents: a handler has to agree before it is sent an event.

Invariant: per validated URL at most one validation runs, everyone who needs it waits for that one,
and while the last outcome is a failure no event is sent there.
"""

import asyncio
from dataclasses import dataclass

from yarl import URL

from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.webhook_client import Call, Reply, WebhookClient, WebhookError

SUCCESS_SECONDS = 60.0
FIRST_FAILURE_SECONDS = 1.0
MAX_FAILURE_SECONDS = 60.0
VALIDATION_SECONDS = 10.0
MAX_CACHED_URLS = 10_000
_NOT_FOUND = 404


@dataclass(slots=True)
class _Outcome:
    """The latest verdict on one URL, and until when it stands."""

    valid: bool
    lasts: float
    until: float


class WebhookValidator:
    """Asks handlers for their agreement, and remembers it."""

    def __init__(self, client: WebhookClient, origin: str, clock: Clock) -> None:
        self._client = client
        self._origin = origin
        self._clock = clock
        self._outcomes: dict[URL, _Outcome] = {}
        self._running: dict[URL, asyncio.Task[bool]] = {}

    async def is_valid(self, url: URL) -> bool:
        """Return whether the handler agrees, asking it if the last answer is too old."""
        outcome = self._outcomes.get(url)
        if outcome is not None and self._clock.monotonic() < outcome.until:
            return outcome.valid
        task = self._running.get(url)
        if task is None:
            task = self._running[url] = asyncio.create_task(self._validate(url))
            task.add_done_callback(lambda _: self._running.pop(url, None))
        # shield: one waiter that gives up must not take the verdict from the others
        return await asyncio.shield(task)

    async def _validate(self, url: URL) -> bool:
        try:
            valid = await self._ask(url)
        except WebhookError:
            valid = False
        if len(self._outcomes) >= MAX_CACHED_URLS:
            self._outcomes.clear()
        lasts = SUCCESS_SECONDS if valid else _failure_lasts(self._outcomes.get(url))
        self._outcomes[url] = _Outcome(valid, lasts, self._clock.monotonic() + lasts)
        return valid

    async def _ask(self, url: URL) -> bool:
        reply = await self._call("OPTIONS", url)
        if reply.status == _NOT_FOUND:
            reply = await self._call("GET", url)
        allowed = ",".join(reply.headers.getall("WebHook-Allowed-Origin", []))
        # Azure has no port to name; express's middleware names that of the endpoint it was given.
        origins = {origin.strip().lower().partition(":")[0] for origin in allowed.split(",")}
        return reply.ok and not origins.isdisjoint({"*", self._origin.lower()})

    async def _call(self, method: str, url: URL) -> Reply:
        headers = {"WebHook-Request-Origin": self._origin, "ce-awpsversion": "1.0"}
        return await self._client.call(Call(method, url, headers, VALIDATION_SECONDS))


def _failure_lasts(last: _Outcome | None) -> float:
    if last is None or last.valid:
        return FIRST_FAILURE_SECONDS
    return min(last.lasts * 2, MAX_FAILURE_SECONDS)

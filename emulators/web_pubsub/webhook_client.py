"""Calls event handlers over HTTP: the time-out, the retries, the size limit.

Invariant: a request is repeated exactly, and only for failures that a repeat can cure (408, 5xx and
the network); a time-out is final, because the handler may be at work still.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.events import EventContext

RETRY_DELAYS = (1.0, 3.0, 5.0)
MAX_REPLY_BYTES = 16 * 1024 * 1024
MAX_CONCURRENT_CALLS = 256
_NETWORK_FAILURES = (aiohttp.ClientError, OSError)
_REQUEST_TIMEOUT = 408
_SERVER_ERRORS = 500


class WebhookError(Exception):
    """The handler could not be asked, or what it said cannot be used."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a handler."""

    method: str
    url: URL
    headers: Mapping[str, str]
    timeout_seconds: float
    body: bytes | None = None
    context: EventContext | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answered."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the status is a success."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the range of HTTP successes


class WebhookClient:
    """The emulator's one HTTP client."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def call(self, call: Call) -> Reply:
        """Return the first answer that is final."""
        for delay in RETRY_DELAYS:
            try:
                reply = await self._attempt(call)
            except _NETWORK_FAILURES:
                pass
            else:
                if reply.status != _REQUEST_TIMEOUT and reply.status < _SERVER_ERRORS:
                    return reply
            await self._clock.sleep(delay)
        try:
            return await self._attempt(call)
        except _NETWORK_FAILURES as error:
            raise WebhookError(f"{call.url.host}:{call.url.port} is out of reach") from error

    async def close(self) -> None:
        """Let go of the connections to handlers."""
        if self._session is not None:
            await self._session.close()

    async def _attempt(self, call: Call) -> Reply:
        try:
            async with asyncio.timeout(None) as limit:
                # By the emulator's clock, so that a test need not wait for it.
                timer = self._clock.call_later(call.timeout_seconds, limit.reschedule, 0.0)
                try:
                    return await self._send(call)
                finally:
                    timer.cancel()
        except TimeoutError as error:
            raise WebhookError(f"no answer within {call.timeout_seconds:g} s") from error
        except ValueError as error:  # aiohttp refuses to write such a header
            raise WebhookError(f"the event cannot be written: {error}") from error

    async def _send(self, call: Call) -> Reply:
        headers = dict(call.headers)
        if call.context is not None and (cookies := call.context.cookies_for(call.url)):
            headers["Cookie"] = cookies
        async with self._opened().request(
            call.method, call.url, headers=headers, data=call.body, allow_redirects=False
        ) as response:
            body = await _read_bounded(response)
            if call.context is not None:
                call.context.keep_cookies(response)
            return Reply(response.status, response.headers, body)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MAX_CONCURRENT_CALLS),
                cookie_jar=aiohttp.DummyCookieJar(),  # jars belong to connections
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        body += chunk
        if len(body) > MAX_REPLY_BYTES:
            response.close()
            raise WebhookError(f"the answer is larger than {MAX_REPLY_BYTES} bytes")
    return bytes(body)

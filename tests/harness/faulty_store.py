"""A table store that fails on purpose: a reverse proxy before Azurite that spoils chosen requests.

Invariants: what no fault was set for passes unchanged; every request is counted by its kind. A fault says
what happens to the request (does it arrive?) and to its answer, because the two are independent.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.client import SERVICE_UNAVAILABLE

from aiohttp import ClientSession, web
from yarl import URL

_SKIPPED = {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "date"}
_OUR_OWN = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


@dataclass(frozen=True)
class Answer:
    """What the store answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    def response(self) -> web.Response:
        return web.Response(status=self.status, headers=self.headers, body=self.body)


type Forward = Callable[[], Awaitable[Answer]]
type Fault = Callable[[web.Request, Forward], Awaitable[web.StreamResponse]]


async def passes(_request: web.Request, forward: Forward) -> web.StreamResponse:
    """No fault."""
    return (await forward()).response()


async def drops_before(request: web.Request, _forward: Forward) -> web.StreamResponse:
    """The connection breaks before the store has seen the request."""
    return _broken(request)


async def drops_after(request: web.Request, forward: Forward) -> web.StreamResponse:
    """The store has done it; the connection breaks before the answer."""
    await forward()
    return _broken(request)


async def cuts_the_answer(request: web.Request, forward: Forward) -> web.StreamResponse:
    """The store has done it; the connection breaks in the middle of the answer."""
    answer = await forward()
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(request)
    await response.write(answer.body[: len(answer.body) // 2])
    return _broken(request)


async def is_busy_before(_request: web.Request, _forward: Forward) -> web.StreamResponse:
    """503, and the store has not seen the request."""
    return web.Response(status=SERVICE_UNAVAILABLE)


async def is_busy_after(_request: web.Request, forward: Forward) -> web.StreamResponse:
    """503, and yet the store has done it."""
    await forward()
    return web.Response(status=SERVICE_UNAVAILABLE)


async def hangs_before(request: web.Request, _forward: Forward) -> web.StreamResponse:
    """The request gets stuck on its way; the caller hears nothing."""
    await _release(request).wait()
    return _broken(request)


async def hangs_after(request: web.Request, forward: Forward) -> web.StreamResponse:
    """The store has done it; the caller hears nothing."""
    await forward()
    await _release(request).wait()
    return _broken(request)


class Delayed:
    """The request gets stuck on its way and arrives when the test says so, whoever still waits for it."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self.answer: Answer | None = None
        self._let_go = asyncio.Event()

    async def __call__(self, _request: web.Request, forward: Forward) -> web.StreamResponse:
        await self._let_go.wait()
        self.answer = await forward()
        self.arrived.set()
        return self.answer.response()

    async def let_go(self) -> Answer:
        """Let the request arrive now; what the store answered."""
        self._let_go.set()
        async with asyncio.timeout(10):
            await self.arrived.wait()
        assert self.answer
        return self.answer


_RELEASE = web.AppKey("release", asyncio.Event)


def _release(request: web.Request) -> asyncio.Event:
    return request.app[_RELEASE]


def _broken(request: web.Request) -> web.StreamResponse:
    if request.transport:
        request.transport.abort()
    return web.Response()


@dataclass
class FaultyStore:
    """The proxy: where it is, what passed, and what is to go wrong next."""

    target: str
    session: ClientSession
    requests: list[str] = field(default_factory=list)
    batches: list[bytes] = field(default_factory=list)
    url: str = ""
    _faults: dict[str, deque[Fault]] = field(default_factory=dict)
    _always: dict[str, Fault] = field(default_factory=dict)

    def next(self, kind: str, *faults: Fault) -> None:
        """The faults of the next requests of this kind, one each."""
        self._faults.setdefault(kind, deque()).extend(faults)

    def always(self, kind: str, fault: Fault) -> None:
        """The fault of every request of this kind, from now on; `passes` ends it."""
        self._always[kind] = fault

    @property
    def counts(self) -> dict[str, int]:
        """How many requests of each kind have come."""
        return dict(Counter(self.requests))

    def forget(self) -> None:
        """Count from here."""
        self.requests.clear()

    def connection_string(self, azurite: str) -> str:
        """Azurite's connection string, with the tables behind this proxy."""
        parts = [part for part in azurite.split(";") if not part.startswith("TableEndpoint=")]
        return ";".join([*filter(None, parts), f"TableEndpoint={self.url}"])

    async def handle(self, request: web.Request) -> web.StreamResponse:
        kind = kind_of(request)
        self.requests.append(kind)
        body = await request.read()
        if kind == "batch":
            self.batches.append(body)

        async def forward() -> Answer:
            url = URL(self.target + request.raw_path, encoded=True)  # signed as it was written
            headers = {k: v for k, v in request.headers.items() if k.lower() not in _SKIPPED}
            if "Date" in request.headers:
                headers["Date"] = request.headers["Date"]
            async with self.session.request(
                request.method, url, headers=headers, data=body or None
            ) as got:
                kept = {k: v for k, v in got.headers.items() if k.lower() not in _SKIPPED}
                return Answer(got.status, kept, await got.read())

        waiting = self._faults.get(kind)
        fault = waiting.popleft() if waiting else self._always.get(kind, passes)
        return await fault(request, forward)


def kind_of(request: web.Request) -> str:
    """`batch`, `read` (of one row), `query` or `write`."""
    if request.path.endswith("$batch"):
        return "batch"
    if request.method != "GET":
        return "write"
    return "read" if "RowKey=" in request.path else "query"


@asynccontextmanager
async def faulty_store(azurite: str) -> AsyncIterator[FaultyStore]:
    """A proxy before the tables of this Azurite, until the end of the block."""
    endpoint = URL(dict(part.split("=", 1) for part in azurite.split(";") if part)["TableEndpoint"])
    app = web.Application()
    app[_RELEASE] = asyncio.Event()
    async with ClientSession(auto_decompress=False, skip_auto_headers=_OUR_OWN) as session:
        store = FaultyStore(str(endpoint.origin()), session)
        app.router.add_route("*", "/{path:.*}", store.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            store.url = str(endpoint.with_port(port)).rstrip("/")
            yield store
        finally:
            app[_RELEASE].set()
            await runner.cleanup()

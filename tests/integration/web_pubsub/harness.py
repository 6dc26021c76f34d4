"""What these tests stand on: the emulator as a process, an event handler, a wire that can be cut.

Handler and wire live on a loop of their own in a thread, so that tests of the synchronous client
can use them too. Every wait has a limit; nothing sleeps for a fixed time.
"""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web
from azure.core.credentials import AzureKeyCredential
from azure.messaging.webpubsubservice import WebPubSubServiceClient
from yarl import URL

KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
JSON = "json.webpubsub.azure.v1"
RELIABLE = "json.reliable.webpubsub.azure.v1"
EVERYTHING = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"]
LIMIT = 10.0
ROOT = Path(__file__).parents[3]
LISTENING = re.compile(r"listening on http://127\.0\.0\.1:(\d+)$")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Emulator:
    """The emulator as its users start it."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "emulators.web_pubsub", "--port", str(self.port), *arguments],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.listening = self.process.stdout.readline().strip()
        assert LISTENING.search(self.listening), self.stop()
        self.connection_string = self.process.stdout.readline().strip().split(": ", 1)[1]
        self.url = f"http://localhost:{self.port}"

    def service(self, hub: str) -> WebPubSubServiceClient:
        return WebPubSubServiceClient(self.url, hub, AzureKeyCredential(KEY))

    def client_url(self, hub: str, **token: Any) -> str:
        with self.service(hub) as service:
            url: str = service.get_client_access_token(**token)["url"]
        return url

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End the process; returns its exit code and what it said on standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=LIMIT)
        return self.process.returncode, errors


class BackgroundLoop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(LIMIT)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(LIMIT)
        self.loop.close()


@dataclass(frozen=True)
class Event:
    """One request that the handler got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def name(self) -> str:
        return self.headers.get("ce-eventname", "")

    def json(self) -> Any:
        return json.loads(self.body)


type Answer = Callable[[Event], web.Response | Coroutine[Any, Any, web.Response]]


@dataclass
class HubEvents:
    """What one hub's handler got, and how it answers; changed by tests as they please."""

    events: list[Event] = field(default_factory=list)
    answer: Answer = field(default=lambda _: web.Response(status=204))
    validation: Callable[[Event], web.Response] = field(
        default=lambda _: web.Response(headers={"WebHook-Allowed-Origin": "*"})
    )

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]

    @property
    def validations(self) -> list[Event]:
        return [event for event in self.events if event.method != "POST"]


class Handler:
    """An event handler of many hubs: ``/{hub}/{event}``."""

    def __init__(self, background: BackgroundLoop) -> None:
        self.hubs: dict[str, HubEvents] = {}
        self.port = free_port()
        self._background = background
        self._runner = background.run(self._start())

    def hub(self, name: str) -> HubEvents:
        return self.hubs.setdefault(name, HubEvents())

    def close(self) -> None:
        self._background.run(self._runner.cleanup())

    async def _start(self) -> web.AppRunner:
        app = web.Application(client_max_size=2**22)
        app.router.add_route("*", "/{hub}/{event}", self._handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        return runner

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        hub = self.hub(request.match_info["hub"])
        headers = {name.lower(): value for name, value in request.headers.items()}
        event = Event(request.method, request.path, headers, await request.read())
        hub.events.append(event)
        if request.method != "POST":
            return hub.validation(event)
        answer = hub.answer(event)
        return answer if isinstance(answer, web.Response) else await answer


class Wire:
    """A TCP relay in front of the emulator, which can be cut without a goodbye."""

    def __init__(self, background: BackgroundLoop, target: int) -> None:
        self._background = background
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._intact = True
        self.port = free_port()
        self._server = background.run(self._listen())

    def through(self, url: str) -> str:
        return url.replace(f":{self._target}/", f":{self.port}/", 1)

    def cut(self) -> None:
        """Drop every connection, and refuse new ones until ``mend``."""
        self._background.run(self._cut())

    def mend(self) -> None:
        self._intact = True

    def close(self) -> None:
        self.cut()
        self._server.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._relay, "127.0.0.1", self.port)

    async def _cut(self) -> None:
        self._intact = False
        for writer in self._open:
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._intact:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        pair = {writer, far_writer}
        self._open |= pair
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        self._open -= pair


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


class Socket:
    """A WebSocket on which frames are written by hand."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.raw = socket

    async def send(self, **frame: Any) -> None:
        await self.raw.send_json(frame)

    async def receive(self) -> Any:
        message = await self.raw.receive(LIMIT)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return json.loads(message.data)

    async def ask(self, **frame: Any) -> Any:
        """Send a frame and return the next one, which is its answer."""
        await self.send(**frame)
        return await self.receive()

    async def nothing_waits(self) -> bool:
        """Whether nothing was sent to us before the pong."""
        answer = await self.ask(type="ping")
        return bool(answer == {"type": "pong"})

    async def closing(self) -> tuple[int | None, list[Any]]:
        """Read to the end; returns the close code and the frames before it."""
        frames = []
        while (message := await self.raw.receive(LIMIT)).type is aiohttp.WSMsgType.TEXT:
            frames.append(json.loads(message.data))
        return self.raw.close_code, frames

    def drop(self) -> None:
        """Lose the connection without a close frame."""
        self._transport().abort()

    def stop_reading(self) -> None:
        """Leave everything that comes in the kernel, and then in the sender's."""
        self._transport().pause_reading()

    def _transport(self) -> asyncio.Transport:
        connection = self.raw._response.connection
        assert connection is not None
        assert connection.transport is not None
        return connection.transport


class Clients:
    """Opens WebSockets, and closes them all at the end of a test."""

    def __init__(self, emulator: Emulator, hub: str) -> None:
        self._emulator = emulator
        self.hub = hub
        self.session = aiohttp.ClientSession()
        self._opened: list[Socket] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*[socket.raw.close() for socket in self._opened])
        await self.session.close()

    def url(self, *, query: str = "", hub: str | None = None, **token: Any) -> str:
        token.setdefault("roles", EVERYTHING)
        url = self._emulator.client_url(hub or self.hub, **token)
        return f"{url}&{query}" if query else url

    async def open(
        self, protocols: tuple[str, ...] = (JSON,), *, query: str = "", **token: Any
    ) -> Socket:
        return await self.open_url(self.url(query=query, **token), protocols)

    async def open_url(self, url: str, protocols: tuple[str, ...] = ()) -> Socket:
        raw = await self.session.ws_connect(url, protocols=protocols, max_msg_size=0)
        self._opened.append(Socket(raw))
        return self._opened[-1]

    async def connect(
        self, protocol: str = JSON, *, query: str = "", **token: Any
    ) -> tuple[Socket, Any]:
        """Open a JSON client and return it with its connected frame."""
        socket = await self.open((protocol,), query=query, **token)
        return socket, await socket.receive()

    async def recover(self, connected: Any, *, token: str | None = None) -> Socket:
        query = {
            "awps_connection_id": connected["connectionId"],
            "awps_reconnection_token": token or connected["reconnectionToken"],
        }
        url = URL(f"http://localhost:{self._emulator.port}/client/hubs/{self.hub}")
        return await self.open_url(str(url.with_query(query)), (RELIABLE,))

    async def refusal(
        self, url: str, headers: dict[str, str] | None = None, protocols: tuple[str, ...] = ()
    ) -> int:
        """Return the status with which a WebSocket is refused before the upgrade."""
        try:
            await self.session.ws_connect(url, headers=headers, protocols=protocols)
        except aiohttp.WSServerHandshakeError as error:
            return error.status
        raise AssertionError("the WebSocket was not refused")

"""The page at the root: what it may load, what it shows, and that strangers' data stays data."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness import browser
from tests.harness.browser import needs_chromium
from tests.harness.waiting import until_async
from tests.integration.web_pubsub.admin import Admin
from tests.integration.web_pubsub.conftest import Handled
from tests.integration.web_pubsub.harness import KEY, RELIABLE, Clients, Emulator, Socket

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
PAGE_FILES = ("/", "/_emulator/page.css", "/_emulator/page.js")


@asynccontextmanager
async def watching(emulator: Emulator, query: str = "") -> AsyncIterator[aiohttp.StreamReader]:
    """The stream of the trace, once it has begun."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{emulator.url}/_emulator/trace{query}") as response,
    ):
        assert response.content_type == "text/event-stream"
        assert await response.content.readuntil(b"\n\n") == b": watching\n\n"
        yield response.content


async def traced(stream: aiohttp.StreamReader, connection: str) -> dict[str, Any]:
    """The next entry of a connection."""
    while True:
        chunk = await asyncio.wait_for(stream.readuntil(b"\n\n"), 10)
        entry: dict[str, Any] = json.loads(chunk.removeprefix(b"data: "))
        if entry["connectionId"] == connection:
            return entry


@pytest.mark.parametrize("path", PAGE_FILES)
async def test_the_page_has_a_strict_policy_and_loads_nothing_from_outside(
    emulator: Emulator, path: str
) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(emulator.url + path) as response,
    ):
        policy = response.headers["Content-Security-Policy"]
        text = await response.text()
    assert response.status == 200
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"https?://", text) == []
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\b", text)
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=", text)


async def test_the_status_shows_clients_groups_and_faults_and_no_key(
    emulator: Emulator, clients: Clients, hub: str
) -> None:
    admin = Admin(emulator, clients.session)
    socket, connected = await clients.connect(RELIABLE, user_id="ann", groups=["a", "b"])
    with emulator.service(hub) as service:
        service.send_to_group("a", "x", content_type="text/plain")
    await socket.receive()
    async with admin.fault("drop", hub, user="bob") as fault:
        shown = await admin.status_of(hub)
        _, whole = await admin.ask("GET", "/status")
    assert shown["connections"] == [
        {
            "connectionId": connected["connectionId"],
            "userId": "ann",
            "protocol": RELIABLE,
            "state": "attached",
            "recoverable": True,
            "buffered": 1,
            "lastSequenceId": 1,
            "groups": ["a", "b"],
            "groupCount": 2,
        }
    ]
    assert shown["groups"] == [{"name": "a", "connections": 1}, {"name": "b", "connections": 1}]
    assert fault in [each["id"] for each in whole["faults"]]
    assert KEY not in json.dumps(whole)
    assert whole["settings"]["problem"] is None


async def test_declared_hubs_are_shown_before_anybody_connects(
    emulator: Emulator, clients: Clients
) -> None:
    shown = await Admin(emulator, clients.session).status_of("patterns")
    assert (shown["eventHandlers"], shown["connectionCount"]) == (2, 0)


async def test_frames_of_both_directions_are_traced_in_order(
    emulator: Emulator, clients: Clients
) -> None:
    async with watching(emulator) as stream:
        socket, connected = await clients.connect(user_id="ann")
        await socket.ask(type="joinGroup", group="g", ackId=1)
        await socket.raw.close()
        kinds = []
        while (entry := await traced(stream, connected["connectionId"]))["kind"] != "ended":
            kinds.append((entry["direction"], entry["kind"]))
    assert kinds == [
        ("out", "opened"),
        ("out", "system"),
        ("in", "joinGroup"),
        ("out", "ack"),
        ("out", "close 1000"),
    ]


async def test_the_trace_of_one_hub_shows_no_other(
    emulator: Emulator, handled: Handled, clients: Clients
) -> None:
    async with watching(emulator, f"?hub={handled.name.upper()}") as stream:
        other, _ = await clients.connect()
        assert await other.nothing_waits()
        _, connected = await handled.clients.connect()
        first = json.loads((await stream.readuntil(b"\n\n")).removeprefix(b"data: "))
    assert (first["hub"], first["connectionId"]) == (handled.name, connected["connectionId"])


async def test_a_watcher_that_reads_nothing_holds_up_nobody(
    emulator: Emulator, clients: Clients
) -> None:
    """Its kernel fills, its entries are dropped, and clients do not notice."""
    async with watching(emulator) as stream:
        assert stream._protocol.transport is not None
        stream._protocol.transport.pause_reading()
        socket, _ = await clients.connect(groups=["g"])
        for number in range(200):
            await socket.send(type="sendToGroup", group="g", data="x" * 4000, dataType="text")
            assert (await socket.receive())["type"] == "message", number


async def test_watchers_who_leave_take_their_taps_along(
    emulator: Emulator, clients: Clients
) -> None:
    socket, _ = await clients.connect()
    for _ in range(3):
        async with watching(emulator):
            assert await socket.nothing_waits()
    assert await socket.nothing_waits()


async def test_a_watcher_who_leaves_is_noticed_though_no_frame_passes(
    emulator: Emulator, clients: Clients
) -> None:
    async def nobody_watches() -> bool:
        _, status = await Admin(emulator, clients.session).ask("GET", "/status")
        return bool(status["watchers"] == 0)

    for _ in range(3):
        async with watching(emulator, "?hub=quiet"):
            assert not await nobody_watches()
    await until_async(nobody_watches, "the watchers are forgotten")


async def test_stopping_does_not_wait_for_watchers() -> None:
    own = Emulator()
    async with watching(own) as stream:
        assert await asyncio.to_thread(own.stop) == (0, "")
        assert stream.at_eof() or await stream.read() == b":\n\n"


@needs_chromium
async def test_in_a_browser_the_page_shows_what_happens_as_text(
    emulator: Emulator, clients: Clients, tmp_path: Path
) -> None:
    socket, _ = await clients.connect(user_id=EVIL, groups=[EVIL])
    async with browser.opened(f"{emulator.url}/", tmp_path / "profile") as page:
        await page.until("document.querySelector('.dot.on') !== null", "the page is connected")
        assert EVIL in await page.ask("document.getElementById('hubs').textContent")
        await _frame_shown(page, socket)
        assert await page.ask("document.title") == "Web PubSub emulator"
        assert await page.ask("document.querySelectorAll('main img, main script').length") == 0
        await page.ask("[...document.querySelectorAll('tr')].find(" + _CLIENT + ").click()")
        assert (await socket.closing())[0] == 1000
        assert page.complaints == []


_CLIENT = (
    "row => row.textContent.includes('owned') && row.querySelector('button')"
    ").querySelector('button:last-child'"
)


async def _frame_shown(page: browser.Page, socket: Socket) -> None:
    async def shown() -> bool:
        await socket.send(type="sendToGroup", group=EVIL, data=EVIL, dataType="text")
        await socket.receive()
        text = str(await page.ask("document.getElementById('trace').textContent"))
        return "sendToGroup" in text and "<img src=x" in text

    await until_async(shown, "a frame is shown")

"""The command: what it prints, how it refuses to start, how it leaves."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiohttp import web

from tests.integration.web_pubsub.harness import (
    KEY,
    RELIABLE,
    ROOT,
    Clients,
    Emulator,
    Event,
    HubEvents,
    free_port,
)

COMMAND = [sys.executable, "-m", "emulators.web_pubsub"]


def refused(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=10, check=False
    )


def test_it_prints_where_it_listens_and_the_connection_string() -> None:
    emulator = Emulator()
    assert emulator.listening.endswith(f"listening on http://127.0.0.1:{emulator.port}")
    expected = f"Endpoint=http://localhost:{emulator.port};AccessKey={KEY};Version=1.0;"
    assert emulator.connection_string == expected
    assert emulator.stop() == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_closes_sockets_with_1001_and_exits_0_promptly(
    number: signal.Signals,
) -> None:
    emulator = Emulator()
    async with Clients(emulator, "h") as clients:
        socket, _ = await clients.connect(RELIABLE)
        await clients.open(())
        started = time.monotonic()
        stopping = asyncio.to_thread(emulator.stop, number)
        (code, frames), (status, errors) = await asyncio.gather(socket.closing(), stopping)
    assert (code, status, errors) == (1001, 0, "")
    assert frames[0]["event"] == "disconnected"
    assert time.monotonic() - started < 3


async def test_a_client_that_does_not_answer_the_close_does_not_hold_it_up() -> None:
    emulator = Emulator()
    async with Clients(emulator, "h") as clients:
        await clients.connect()
        started = time.monotonic()
        assert emulator.stop() == (0, "")  # blocks this loop, so the client answers nothing
        assert time.monotonic() - started < 3


def test_a_taken_port_is_one_line_of_reason_and_exit_code_1() -> None:
    emulator = Emulator()
    result = refused("--port", str(emulator.port))
    emulator.stop()
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert f"127.0.0.1:{emulator.port}" in result.stderr


def test_unusable_settings_are_one_line_of_reason_and_exit_code_1(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"WebPubSub": {"AccessKey": "short"}}))
    for settings in (path, tmp_path / "missing.json"):
        result = refused("--port", str(free_port()), "--settings", str(settings))
        assert result.returncode == 1
        assert result.stderr.count("\n") == 1


async def test_a_handler_that_comes_up_later_gets_the_first_connect() -> None:
    """The Functions host is usually not up yet when the emulator starts."""
    port = free_port()
    prefix = "WebPubSub__Hubs__live__EventHandlers__0__"
    environment = {
        f"{prefix}UrlTemplate": f"http://127.0.0.1:{port}/live/{{event}}?code=KEY",
        f"{prefix}SystemEvents__0": "connect",
    }
    emulator = Emulator(environment=environment)
    async with Clients(emulator, "live") as clients:
        opening = asyncio.create_task(clients.connect())
        await asyncio.sleep(0.1)  # the first attempt finds nobody there
        hub = HubEvents()
        runner = await _late_handler(hub, port)
        await opening
        await runner.cleanup()
    assert [event.name for event in hub.events if event.method == "POST"] == ["connect"]
    emulator.stop()


async def _late_handler(hub: HubEvents, port: int) -> web.AppRunner:
    async def handle(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        event = Event(request.method, request.path, headers, await request.read())
        hub.events.append(event)
        return hub.validation(event) if request.method != "POST" else web.Response()

    app = web.Application()
    app.router.add_route("*", "/live/{event}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner

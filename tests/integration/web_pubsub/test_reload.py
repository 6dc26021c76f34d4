"""Settings edited under a running emulator: routes, keys, and edits that cannot be used."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web

from tests.harness.waiting import until, until_async
from tests.integration.web_pubsub.harness import KEY, Clients, Emulator, Event, Handler

OTHER, SECOND = "o" * 40, "s" * 40
EVENT = {"type": "event", "event": "go", "dataType": "text", "data": "x"}


class Reloading:
    """An emulator and its settings file."""

    def __init__(self, path: Path, handler: Handler) -> None:
        self.path = path
        self.handler = handler
        self.hub = f"reload{path.parent.name.replace('-', '_')}"[:60]
        self.write(self.routes("one"))
        self.emulator = Emulator("--settings", str(path))

    def routes(self, *targets: str, **keys: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.handler.port}"
        handlers = [
            {"UrlTemplate": f"{url}/{self.hub}{target}/{{event}}", "EventPattern": "*"}
            for target in targets
        ]
        return {"Hubs": {self.hub: {"EventHandlers": handlers}}, **keys}

    def write(self, section: object) -> None:
        """Replace the file, as careful editors do."""
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"WebPubSub": section}))
        new.replace(self.path)

    def events(self, target: str) -> list[Event]:
        return self.handler.hub(self.hub + target).named("go")

    def until_said(self, word: str) -> None:
        """Wait for a line on standard output."""
        assert self.emulator.process.stdout is not None
        line = self.emulator.process.stdout.readline
        until(lambda: word in line(), f"the emulator says {word!r}")


@pytest.fixture
def reloading(tmp_path: Path, handler: Handler) -> Iterator[Reloading]:
    """A running emulator whose hub has one handler."""
    running = Reloading(tmp_path / "settings.json", handler)
    yield running
    if running.emulator.process.poll() is None:
        running.emulator.stop()


async def test_an_event_under_way_keeps_its_route_and_the_next_one_takes_the_new(
    reloading: Reloading,
) -> None:
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def answer_late(_: Event) -> web.Response:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(release.wait(), loop))
        return web.Response(text="one")

    reloading.handler.hub(f"{reloading.hub}one").answer = answer_late
    reloading.handler.hub(f"{reloading.hub}two").answer = lambda _: web.Response(text="two")
    async with Clients(reloading.emulator, reloading.hub) as clients:
        first, _ = await clients.connect()
        second, _ = await clients.connect()
        await first.send(**EVENT)
        await until_async(_started(reloading, "one"), "the first event is under way")
        reloading.write(reloading.routes("two"))
        await asyncio.to_thread(reloading.until_said, "taken over")
        answers = [(await second.ask(**EVENT))["data"]]
        release.set()
        answers.append((await first.receive())["data"])
        answers.append((await first.ask(**EVENT))["data"])
    assert answers == ["two", "one", "two"]
    assert (len(reloading.events("one")), len(reloading.events("two"))) == (1, 2)


def _started(reloading: Reloading, target: str) -> Any:
    async def started() -> bool:
        return len(reloading.events(target)) == 1

    return started


async def test_a_bad_edit_is_one_line_and_the_last_good_settings_stay(
    reloading: Reloading,
) -> None:
    reloading.path.write_text('{"WebPubSub": {"Hubs": {"1": {}}}}')
    error = reloading.emulator.process.stderr
    assert error is not None
    line = await asyncio.to_thread(error.readline)
    assert "the last good settings stay in force" in line
    assert "'1' is not a hub name" in line
    async with Clients(reloading.emulator, reloading.hub) as clients:
        socket, _ = await clients.connect()
        assert (await socket.ask(**EVENT, ackId=1))["success"]
    assert reloading.emulator.stop() == (0, "")


async def test_keys_rotate_while_clients_stay(reloading: Reloading) -> None:
    """The new primary and the old key as secondary are believed, and both sign."""
    emulator = reloading.emulator
    async with Clients(emulator, reloading.hub) as clients:
        staying, connected = await clients.connect()
        reloading.write(reloading.routes("one", AccessKey=OTHER, SecondaryAccessKey=KEY))
        await asyncio.to_thread(reloading.until_said, "taken over")
        assert (await staying.ask(**EVENT, ackId=1))["success"]
        for key in (KEY, OTHER):
            socket = await clients.open_url(_url(emulator, reloading.hub, key), ())
            await socket.raw.close()
        assert await clients.refusal(_url(emulator, reloading.hub, SECOND)) == 401
    (event,) = reloading.events("one")
    assert event.headers["ce-signature"] == ",".join(
        f"sha256={_digest(key, connected['connectionId'])}" for key in (OTHER, KEY)
    )


def test_the_secondary_key_is_believed_by_rest_too() -> None:
    environment = {"WebPubSub__AccessKey": OTHER, "WebPubSub__SecondaryAccessKey": KEY}
    emulator = Emulator(environment=environment)
    assert f"AccessKey={OTHER};" in emulator.connection_string
    with emulator.service("h") as service:  # it signs with KEY
        assert not service.user_exists("u")
    emulator.stop()


def _digest(key: str, connection_id: str) -> str:
    return hmac.new(key.encode(), connection_id.encode(), hashlib.sha256).hexdigest()


def _url(emulator: Emulator, hub: str, key: str) -> str:
    url = f"{emulator.url}/client/hubs/{hub}"
    token = jwt.encode({"aud": url, "exp": time.time() + 60}, key, algorithm="HS256")
    return f"{url}?access_token={token}"

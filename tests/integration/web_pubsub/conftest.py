"""One emulator and one event handler for each test worker; every test has a hub of its own."""

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.integration.web_pubsub.harness import (
    BackgroundLoop,
    Clients,
    Emulator,
    Handler,
    HubEvents,
    Wire,
)
from tests.integration.web_pubsub.rest_client import Rest

HANDLED_HUBS = 100
SYSTEM_EVENTS = ["connect", "connected", "disconnected"]
_numbers = itertools.count()
_handled_numbers = itertools.count()


@dataclass(frozen=True)
class Handled:
    """A hub with an event handler for everything."""

    name: str
    handler: HubEvents
    clients: Clients


@pytest.fixture(scope="session")
def background() -> Iterator[BackgroundLoop]:
    """A loop beside the tests'."""
    loop = BackgroundLoop()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def handler(background: BackgroundLoop) -> Iterator[Handler]:
    """The event handler of all hubs whose name starts with ``handled``."""
    started = Handler(background)
    yield started
    started.close()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory, handler: Handler) -> Iterator[Emulator]:
    """The emulator; when it ends, it must have had nothing worse to say than warnings."""
    template = f"http://127.0.0.1:{handler.port}/{{hub}}/{{event}}"
    rule = {"UrlTemplate": template, "SystemEvents": SYSTEM_EVENTS, "EventPattern": "*"}
    hubs: dict[str, object] = {
        f"handled{number}": {"EventHandlers": [rule]} for number in range(HANDLED_HUBS)
    }
    first = {
        "UrlTemplate": f"http://127.0.0.1:{handler.port}/first/{{event}}",
        "EventPattern": "One,two",
    }
    second = {
        "UrlTemplate": f"http://127.0.0.1:{handler.port}/second/{{event}}",
        "EventPattern": "*",
    }
    hubs["patterns"] = {"EventHandlers": [first, second]}
    path = tmp_path_factory.mktemp("web_pubsub") / "settings.json"
    path.write_text(json.dumps({"WebPubSub": {"Hubs": hubs}}))
    running = Emulator("--settings", str(path))
    yield running
    code, errors = running.stop()
    assert code == 0
    assert "Traceback" not in errors
    assert "ERROR" not in errors


@pytest.fixture
def hub() -> str:
    """The name of a hub of this test's own, without event handlers."""
    return f"plain{next(_numbers)}"


@pytest_asyncio.fixture
async def clients(emulator: Emulator, hub: str) -> AsyncIterator[Clients]:
    """Opens WebSockets to the test's hub."""
    async with Clients(emulator, hub) as opened:
        yield opened


@pytest_asyncio.fixture
async def rest(emulator: Emulator, hub: str, clients: Clients) -> Rest:
    """REST requests to the test's hub."""
    return Rest(emulator, hub, clients.session)


@pytest_asyncio.fixture
async def handled(emulator: Emulator, handler: Handler) -> AsyncIterator[Handled]:
    """A hub of this test's own with an event handler that takes everything."""
    number = next(_handled_numbers)
    assert number < HANDLED_HUBS, "validations are cached: a hub is used once"
    name = f"handled{number}"
    async with Clients(emulator, name) as opened:
        yield Handled(name, handler.hub(name), opened)


@pytest.fixture
def wire(background: BackgroundLoop, emulator: Emulator) -> Iterator[Wire]:
    """A relay to the emulator that can be cut."""
    relay = Wire(background, emulator.port)
    yield relay
    relay.close()

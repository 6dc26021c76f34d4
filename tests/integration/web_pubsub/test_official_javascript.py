"""Microsoft's JavaScript packages, unmodified, against the emulator: each scenario is a Node process.

What a scenario does and asserts is in ``js/``; here is only its name and what it is given.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.web_pubsub.harness import Emulator, free_port

SCRIPTS = Path(__file__).parent / "js"
NODE_SECONDS = 30
EXPRESS: dict[str, list[str]] = {
    "connects": ["connect"],
    "refuses": ["connect"],
    "validates": ["connect"],
    "events": ["connect"],
    "fails": [],
    "lifetimes": ["connected", "disconnected"],
}


@dataclass(frozen=True)
class ExpressStack:
    """An emulator whose hubs, one for each scenario, have a handler on a port of their own."""

    emulator: Emulator
    ports: dict[str, int]


def node(script: str, *arguments: str) -> None:
    """Run a scenario; what it says when it fails is the assertion's text."""
    command = ["node", str(SCRIPTS / script), *arguments]
    ended = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=NODE_SECONDS
    )
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def express(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExpressStack]:
    """The stack of the middleware's scenarios."""
    ports = {scenario: free_port() for scenario in EXPRESS}
    hubs = {
        scenario: {
            "EventHandlers": [
                {
                    "UrlTemplate": f"http://localhost:{ports[scenario]}/api/webpubsub/hubs/{{hub}}/",
                    "SystemEvents": events,
                    "EventPattern": "*",
                }
            ]
        }
        for scenario, events in EXPRESS.items()
    }
    path = tmp_path_factory.mktemp("express") / "settings.json"
    path.write_text(json.dumps({"WebPubSub": {"Hubs": hubs}}))
    emulator = Emulator("--settings", str(path))
    yield ExpressStack(emulator, ports)
    assert emulator.stop()[0] == 0


@pytest.mark.parametrize("scenario", ["sends", "groups", "bulk", "permissions", "closes", "tokens"])
def test_the_service_sdk(emulator: Emulator, hub: str, scenario: str) -> None:
    node("service.mjs", scenario, emulator.connection_string, hub)


@pytest.mark.parametrize("protocol", ["json", "reliable"])
@pytest.mark.parametrize("scenario", ["messages", "refusals", "keepAlive"])
def test_the_client(emulator: Emulator, hub: str, scenario: str, protocol: str) -> None:
    node("client.mjs", scenario, emulator.connection_string, hub, protocol)


def test_the_reliable_client_loses_and_doubles_nothing_when_its_socket_is_cut_again_and_again(
    emulator: Emulator, hub: str
) -> None:
    node("client.mjs", "recovery", emulator.connection_string, hub, "reliable")


def test_the_plain_client_connects_anew_and_rejoins_its_groups(
    emulator: Emulator, hub: str
) -> None:
    node("client.mjs", "reconnect", emulator.connection_string, hub, "json")


@pytest.mark.parametrize("scenario", EXPRESS)
def test_the_express_middleware_as_event_handler(express: ExpressStack, scenario: str) -> None:
    port = str(express.ports[scenario])
    node("express.mjs", scenario, express.emulator.connection_string, scenario, port)

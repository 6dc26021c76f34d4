"""The parts of Atrium are told everything by argument and file, nothing by the environment."""

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from emulators.functions_host import keys
from emulators.stack.catalogue import RECIPES, Run, parts, slots
from emulators.stack.options import parse
from emulators.stack.parts import Part
from emulators.stack.ports import DEFAULTS
from emulators.stack.state import State

type Make = Callable[..., dict[str, Part]]


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def make(tmp_path: Path, state: State) -> Make:
    def make_parts(*arguments: str) -> dict[str, Part]:
        options = parse(["--app", str(tmp_path), "--state", str(state.root), *arguments])
        values = {"CHAT_STORAGE": "of the file"}
        run = Run(options=options, state=state, ports=DEFAULTS, values=values)
        return {part.name: part for part in parts(RECIPES, run)}

    return make_parts


def test_the_host_starts_last_and_after_provisioning(make: Make) -> None:
    names = list(make())
    others = {"azurite", "web_pubsub", "service_bus", "mail", "provision"}
    assert set(names) == {*others, "functions_host"}
    assert names[-1] == "functions_host"
    assert names.index("azurite") < names.index("provision")


def test_the_hosts_environment_has_no_setting_of_the_app(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_STORAGE", "of the shell")
    monkeypatch.setenv("FUNCTIONS_PORT", "1")
    found = make()
    assert "CHAT_STORAGE" not in found["functions_host"].environment
    assert "FUNCTIONS_PORT" not in found["functions_host"].environment
    assert found["provision"].environment["CHAT_STORAGE"] == "of the file"


def test_the_broker_reads_the_app_s_entities_and_keeps_its_messages(
    make: Make, state: State, tmp_path: Path
) -> None:
    command = make()["service_bus"].command
    assert str(tmp_path / "infra/service-bus.json") in command
    assert str(state.service_bus) in command
    assert "--memory" in make("--memory")["service_bus"].command
    other = make("--service-bus-config", "/elsewhere.json")["service_bus"].command
    assert "/elsewhere.json" in other


def test_azurite_keeps_its_data_on_disk_and_can_be_restarted(make: Make, state: State) -> None:
    azurite = make()["azurite"]
    assert str(state.azurite) in azurite.command
    assert "--inMemoryPersistence" not in azurite.command
    assert not azurite.beyond_restart


def test_azurite_in_memory_cannot_be_restarted(make: Make) -> None:
    azurite = make("--memory")["azurite"]
    assert "--inMemoryPersistence" in azurite.command
    assert "--location" not in azurite.command
    assert "in memory and are gone" in azurite.beyond_restart


def _hook(state: State) -> str:
    written = json.loads(state.web_pubsub.read_text())
    (handler,) = written["WebPubSub"]["Hubs"]["live"]["EventHandlers"]
    assert handler["SystemEvents"] == ["connect", "connected", "disconnected"]
    assert handler["EventPattern"] == "*"
    return str(handler["UrlTemplate"])


def test_web_pubsub_sends_events_to_the_host_with_the_hosts_own_key(
    make: Make, state: State
) -> None:
    make()
    hook = urlsplit(_hook(state))
    assert hook.netloc == "localhost:7071"
    assert hook.path == "/runtime/webhooks/webpubsub"
    (code,) = parse_qs(hook.query)["code"]
    assert keys.load_or_create(state.secrets).opens_system("webpubsub_extension", code)


def test_without_the_host_the_hook_has_no_key(make: Make, state: State) -> None:
    make("--only", "azurite,web_pubsub")
    assert _hook(state) == "http://localhost:7071/runtime/webhooks/webpubsub"


def test_only_the_ports_of_the_parts_that_run_are_taken() -> None:
    assert set(slots(RECIPES, ())) == set(DEFAULTS)
    assert slots(RECIPES, ("azurite",)) == ("blob", "queue", "table")
    assert slots(RECIPES, ("web_pubsub", "provision")) == ("web_pubsub",)

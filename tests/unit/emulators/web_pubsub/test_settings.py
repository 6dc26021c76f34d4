"""Settings: the official emulator's shape, the environment on top, and clear refusals."""

import json
from pathlib import Path
from typing import Any

import pytest

from emulators.web_pubsub.settings import (
    WELL_KNOWN_KEY,
    EventHandler,
    SettingsError,
    load_settings,
)

URL = "http://localhost:7071/runtime/webhooks/webpubsub?code=KEY"
HANDLER = {
    "UrlTemplate": URL,
    "SystemEvents": ["connect", "Connected", "disconnected"],
    "EventPattern": "*",
}


def written(tmp_path: Path, section: Any) -> Path:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"WebPubSub": section, "Logging": {"LogLevel": "x"}}))
    return path


def test_without_a_file_any_hub_works_with_the_well_known_key() -> None:
    settings = load_settings(None, {})
    assert settings.access_key == WELL_KNOWN_KEY
    assert settings.hub("Any").name == "any"
    assert settings.hub("Any").event_handlers == ()


def test_the_file_has_the_official_emulators_shape(tmp_path: Path) -> None:
    key = "k" * 32
    section = {"AccessKey": key, "Hubs": {"Live": {"EventHandlers": [HANDLER]}}}
    settings = load_settings(written(tmp_path, section), {})
    assert settings.access_key == key
    events = frozenset({"connect", "connected", "disconnected"})
    assert settings.hub("LIVE").event_handlers == (EventHandler(URL, events, "*"),)


def test_the_environment_overrides_the_file_in_any_case(tmp_path: Path) -> None:
    path = written(tmp_path, {"Hubs": {"live": {"EventHandlers": [HANDLER]}}})
    changes = {
        "WebPubSub__Hubs__live__EventHandlers__0__UrlTemplate": "http://other/",
        "WEBPUBSUB__HUBS__MORE__EVENTHANDLERS__0__URLTEMPLATE": "http://more/",
        "WebPubSub__AccessKey": "e" * 40,
        "UNRELATED__NAME": "x",
    }
    settings = load_settings(path, changes)
    assert settings.hub("live").event_handlers[0].url_template == "http://other/"
    assert settings.hub("live").event_handlers[0].event_pattern == "*"
    assert settings.hub("more").event_handlers[0].url_template == "http://more/"
    assert settings.access_key == "e" * 40


def test_more_than_ten_handlers_keep_their_order() -> None:
    prefix = "WebPubSub__Hubs__h__EventHandlers__"
    names = {f"{prefix}{n}__UrlTemplate": f"http://handler/{n}" for n in range(12)}
    handlers = load_settings(None, names).hub("h").event_handlers
    assert [each.url_template for each in handlers] == list(names.values())


@pytest.mark.parametrize(
    "section",
    [
        "text",
        {"AccessKey": "too short"},
        {"AccessKey": "k" * 32 + ";"},
        {"AccessKey": " " + "k" * 32},
        {"AccessKey": "k" * 32 + "\u0001x"},
        {"AccessKey": 5},
        {"Hubs": {"1hub": {}}},
        {"Hubs": {"live": 5}},
        {"Hubs": {"live": {"EventHandlers": "x"}}},
        {"Hubs": {"live": {"EventHandlers": [{}]}}},
        {"Hubs": {"live": {"EventHandlers": [{"UrlTemplate": "tunnel:///x"}]}}},
        {"Hubs": {"live": {"EventHandlers": [{"UrlTemplate": "http://[x"}]}}},
        {"Hubs": {"live": {"EventHandlers": [HANDLER | {"SystemEvents": ["joined"]}]}}},
        {"Hubs": {"live": {"EventHandlers": [HANDLER | {"EventPattern": 5}]}}},
    ],
)
def test_settings_that_cannot_be_used_are_refused(tmp_path: Path, section: Any) -> None:
    with pytest.raises(SettingsError):
        load_settings(written(tmp_path, section), {})


def test_a_missing_or_broken_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        load_settings(tmp_path / "none.json", {})
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    with pytest.raises(SettingsError):
        load_settings(broken, {})


def test_an_override_into_a_plain_value_is_refused() -> None:
    with pytest.raises(SettingsError):
        load_settings(None, {"WebPubSub__Hubs": "x", "WebPubSub__Hubs__live__x": "y"})


def test_event_patterns_are_a_star_or_a_list_in_any_case() -> None:
    assert EventHandler(URL, event_pattern="*").takes_user_event("any")
    listed = EventHandler(URL, event_pattern="one, Two")
    assert listed.takes_user_event("TWO")
    assert not listed.takes_user_event("three")

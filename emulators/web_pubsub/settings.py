"""Settings in the official emulator's shape: a JSON file, overridden by ``WebPubSub__…`` variables.

Invariant: settings that load are usable as they stand; anything else is one clear SettingsError.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yarl import URL

from emulators.web_pubsub.names import is_hub_name, is_text

WELL_KNOWN_KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
MIN_KEY_BYTES = 32
SYSTEM_EVENTS = frozenset({"connect", "connected", "disconnected"})
_SECTION = "webpubsub"


class SettingsError(Exception):
    """The settings cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class EventHandler:
    """Where a hub's events go, and which of them."""

    url_template: str
    system_events: frozenset[str] = frozenset()
    event_pattern: str = ""

    def takes_system_event(self, name: str) -> bool:
        """Return whether this handler wants a system event."""
        return name in self.system_events

    def takes_user_event(self, name: str) -> bool:
        """Return whether the pattern names this user event; case does not matter."""
        patterns = [pattern.strip().lower() for pattern in self.event_pattern.split(",")]
        return "*" in patterns or name.lower() in patterns


@dataclass(frozen=True, slots=True)
class HubSettings:
    """One hub as the settings declare it."""

    name: str
    event_handlers: tuple[EventHandler, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be configured."""

    access_key: str = WELL_KNOWN_KEY
    hubs: Mapping[str, HubSettings] = field(default_factory=dict)
    secondary_access_key: str | None = None

    @property
    def key_bytes(self) -> tuple[bytes, ...]:
        """The keys that tokens are believed by and events are signed with, the primary one first."""
        keys = (self.access_key, self.secondary_access_key)
        return tuple(key.encode() for key in keys if key is not None)

    def hub(self, name: str) -> HubSettings:
        """Return a hub's settings; hubs that are not declared work too, without handlers."""
        return self.hubs.get(name.lower()) or HubSettings(name.lower())


def load_settings(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Return the settings of the file, if any, with the environment's on top."""
    return parse_settings(read_settings(path) if path else b"{}", environment)


def read_settings(path: Path) -> bytes:
    """Return the file as it is."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error


def parse_settings(content: bytes, environment: Mapping[str, str]) -> Settings:
    """Return the settings of a file's content, with the environment's on top."""
    tree = _parse(content)
    for name, value in environment.items():
        keys = name.split("__")
        if keys[0].lower() == _SECTION and len(keys) > 1:
            _override(tree, [key.lower() for key in keys], value, name)
    section = _object(tree.get(_SECTION, {}), "WebPubSub")
    hubs = _object(section.get("hubs", {}), "Hubs")
    primary = _access_key(section.get("accesskey", WELL_KNOWN_KEY), "AccessKey")
    secondary = section.get("secondaryaccesskey")
    return Settings(
        primary,
        {name: _hub(name, value) for name, value in hubs.items()},
        None if secondary is None else _access_key(secondary, "SecondaryAccessKey"),
    )


def _parse(content: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"the file is not JSON: {error}") from error
    lowered: dict[str, Any] = _lower_keys(_object(tree, "the file"))
    return lowered


def _lower_keys(value: Any) -> Any:
    """Names compare without case, and lists become objects by index, as the environment has it."""
    if isinstance(value, dict):
        return {key.lower(): _lower_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return {str(index): _lower_keys(item) for index, item in enumerate(value)}
    return value


def _override(tree: dict[str, Any], keys: list[str], value: str, name: str) -> None:
    for key in keys[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise SettingsError(f"{name} reaches into a value that is no object")
    tree[keys[-1]] = value


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"{where} must be an object")
    return value


def _items(value: Any, where: str) -> list[Any]:
    indexed = _object(value, where)
    return [indexed[index] for index in sorted(indexed, key=lambda text: (len(text), text))]


def _access_key(key: Any, name: str) -> str:
    if not isinstance(key, str) or not is_text(key) or len(key.encode()) < MIN_KEY_BYTES:
        raise SettingsError(f"{name} must have at least {MIN_KEY_BYTES} bytes")
    if ";" in key or key != key.strip() or not key.isprintable():
        raise SettingsError(f"{name} must not hold ; or control characters or outer white space")
    return key


def _hub(name: str, value: Any) -> HubSettings:
    if not is_hub_name(name):
        raise SettingsError(f"{name!r} is not a hub name")
    handlers = _object(value, f"Hubs:{name}").get("eventhandlers", {})
    where = f"Hubs:{name}:EventHandlers"
    return HubSettings(name, tuple(_handler(item, where) for item in _items(handlers, where)))


def _handler(value: Any, where: str) -> EventHandler:
    handler = _object(value, where)
    events = [str(event).lower() for event in _items(handler.get("systemevents", {}), where)]
    if unknown := set(events) - SYSTEM_EVENTS:
        raise SettingsError(f"{where}: unknown system events {sorted(unknown)}")
    pattern = handler.get("eventpattern") or ""
    if not isinstance(pattern, str):
        raise SettingsError(f"{where}: EventPattern must be a string")
    return EventHandler(_url_template(handler, where), frozenset(events), pattern)


def _url_template(handler: dict[str, Any], where: str) -> str:
    template = str(handler.get("urltemplate", ""))
    try:
        url = URL(template)
    except ValueError as error:
        raise SettingsError(f"{where}: UrlTemplate must be a URL") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise SettingsError(f"{where}: UrlTemplate must be an http or https URL")
    return template

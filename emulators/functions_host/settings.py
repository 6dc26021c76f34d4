"""App settings: what the app's environment holds, and how bindings look values up in it.

Invariant: a value of the real environment wins over the settings file, as it does in Azure, and a
missing setting is a `BindingError` that names it.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulators.functions_host.model import Binding, BindingError

_PERCENT = re.compile(r"%([^%]+)%")


class SettingsError(Exception):
    """The settings file cannot be used at all; the message says why."""


@dataclass(frozen=True, slots=True)
class Cors:
    """`Host.CORS` of the settings file: which origins may call from a browser."""

    origins: frozenset[str] = frozenset()
    credentials: bool = False


class Settings:
    """The settings of one app, looked up ignoring case as the host's configuration does."""

    def __init__(self, values: Mapping[str, str], cors: Cors | None = None) -> None:
        self.values = dict(values)
        self.cors = cors or Cors()
        self._folded = {name.lower().replace(":", "__"): value for name, value in values.items()}

    def get(self, name: str) -> str | None:
        """Return a setting, or None when it is absent."""
        return self._folded.get(name.lower().replace(":", "__"))

    def resolve(self, text: str) -> str:
        """Replace each `%NAME%` by the setting of that name."""
        return _PERCENT.sub(lambda match: self._required(match[1]), text)

    def resolved(self, binding: Binding, key: str) -> str:
        """Return a required setting of a binding, with its `%NAME%` replaced."""
        if (text := binding.text(key)) is None:
            raise BindingError(f"the {binding.type} binding {binding.name!r} needs {key!r}")
        return self.resolve(text)

    def group(self, name: str) -> dict[str, str]:
        """Return the settings `NAME__member`, under their members' lower-cased names."""
        prefix = f"{name.lower().replace(':', '__')}__"
        folded = self._folded.items()
        return {key.removeprefix(prefix): value for key, value in folded if key.startswith(prefix)}

    def flag(self, name: str) -> bool:
        """Whether a setting is on (`true` or `1`)."""
        return (self.get(name) or "").lower() in {"1", "true"}

    def _required(self, name: str) -> str:
        if (value := self.get(name)) is None:
            raise BindingError(f"%{name}% stands in a binding, but the setting is not set")
        return value


def load(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings file, if there is one, under the environment.

    Raises:
        SettingsError: if the file is not the JSON that a settings file is.
    """
    environment = os.environ if environment is None else environment
    document = _document(path) if path.exists() else {}
    return Settings({**_values(document, path), **environment}, _cors(document.get("Host"), path))


def _document(path: Path) -> dict[str, Any]:
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise SettingsError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Values", {}), dict):
        raise SettingsError(f'{path} must be an object with "Values": {{name: text}}')
    if document.get("IsEncrypted"):
        raise SettingsError(f"{path} is encrypted; decrypt it with `func settings decrypt`")
    return document


def _values(document: dict[str, Any], path: Path) -> dict[str, str]:
    """Return `Values` and, under the name that the host's configuration gives them, connections."""
    connections = document.get("ConnectionStrings") or {}
    if not isinstance(connections, dict):
        raise SettingsError(f'{path}: "ConnectionStrings" must be {{name: text}}')
    named = {f"ConnectionStrings__{name}": value for name, value in connections.items()}
    return {
        name: _text(name, value, path)
        for name, value in {**named, **document.get("Values", {})}.items()
        if value is not None
    }


def _cors(host: object, path: Path) -> Cors:
    if host is None:
        return Cors()
    if not isinstance(host, dict):
        raise SettingsError(f'{path}: "Host" must be an object')
    origins = str(host.get("CORS") or "")
    return Cors(
        frozenset(each.strip().rstrip("/").lower() for each in origins.split(",") if each.strip()),
        str(host.get("CORSCredentials", "")).lower() == "true",
    )


def _text(name: str, value: object, path: Path) -> str:
    if isinstance(value, dict | list):
        raise SettingsError(f"{path}: the value of {name!r} must be text, not a nested structure")
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)

"""The host's keys: where they live, how they are made, and which one opens what.

They are kept in one file, `host.json` in the secrets directory, in the JSON of Azure's own
file-based secret store. Invariant: a key that was ever handed out stays valid, because a missing
key is added and saved, and an existing one is never replaced.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hmac import compare_digest
from pathlib import Path
from typing import Any

DEFAULT_DIRECTORY = Path(".local/secrets")
FILE_NAME = "host.json"
WEB_PUBSUB_KEY = "webpubsub_extension"


class HostKeys:
    """The keys of one secrets directory, read once; a new system key is saved when first asked."""

    def __init__(self, directory: Path, document: dict[str, Any]) -> None:
        self._directory = directory
        self._document = document
        self._function_keys: dict[str, list[str]] = {}

    @property
    def master(self) -> str:
        """The key that opens every function and everything under `/admin`."""
        return str(self._document["masterKey"]["value"])

    def system(self, name: str) -> str:
        """Return the system key of an extension's webhook, creating and saving a missing one."""
        if (value := _find(self._document["systemKeys"], name)) is not None:
            return value
        self._document = _update(self._directory, system_key=name)
        return _find(self._document["systemKeys"], name) or ""

    def opens_function(self, function: str, key: str) -> bool:
        """Whether `key` opens a function of level `function`: its own, a host or the master key."""
        own = self._own_keys(function)
        host = [str(entry["value"]) for entry in self._document["functionKeys"]]
        return _matches(key, [*host, *own, self.master])

    def opens_admin(self, key: str) -> bool:
        """Whether `key` is the master key."""
        return _matches(key, [self.master])

    def opens_system(self, name: str, key: str) -> bool:
        """Whether `key` opens the webhook of the extension; the master key does not."""
        return _matches(key, [self.system(name)])

    def _own_keys(self, function: str) -> list[str]:
        """Read once: this stands in the way of every keyed request."""
        if function not in self._function_keys:
            self._function_keys[function] = _function_keys(self._directory, function)
        return self._function_keys[function]


def load_or_create(directory: Path) -> HostKeys:
    """Read the keys of a secrets directory, making what is missing (file mode 0600)."""
    return HostKeys(directory, _update(directory))


def _update(directory: Path, system_key: str | None = None) -> dict[str, Any]:
    with _locked(directory):
        path = directory / FILE_NAME
        document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        before = json.dumps(document)
        document.setdefault("masterKey", _entry("master"))
        document.setdefault("functionKeys", [_entry("default")])
        entries: list[Any] = document.setdefault("systemKeys", [_entry(WEB_PUBSUB_KEY)])
        if system_key is not None and _find(entries, system_key) is None:
            entries.append(_entry(system_key))
        if json.dumps(document) != before:
            _write(path, document)
        return document


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One process at a time: the supervisor and the host may start together."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, document: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file, indent=2)
    temporary.replace(path)


def _entry(name: str) -> dict[str, Any]:
    return {"name": name, "value": secrets.token_urlsafe(40), "encrypted": False}


def _find(entries: list[dict[str, Any]], name: str) -> str | None:
    return next((str(entry["value"]) for entry in entries if entry["name"] == name), None)


def _function_keys(directory: Path, function: str) -> list[str]:
    """Keys of one function, in a file of its own that exists only if someone made it."""
    path = directory / f"{function.lower()}.json"
    if not path.exists():
        return []
    return [str(entry["value"]) for entry in json.loads(path.read_text()).get("keys", [])]


def _matches(key: str, candidates: list[str]) -> bool:
    return any(compare_digest(key.encode(), candidate.encode()) for candidate in candidates)

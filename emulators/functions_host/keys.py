"""The host's keys: where they live, how they are made, and which one opens what.

They are kept in the secrets directory, in the JSON of Azure's own file-based secret store:
`host.json`, and a file for each function that has keys of its own. Files may be edited while the
host runs. Invariant: a key that was ever handed out stays valid, because a missing key is added and
saved, and an existing one is never replaced by the host.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hmac import compare_digest
from pathlib import Path
from typing import Any

DEFAULT_DIRECTORY = Path(".local/secrets")
FILE_NAME = "host.json"
WEB_PUBSUB_KEY = "webpubsub_extension"
_PARTS = {"masterKey", "functionKeys", "systemKeys"}


class HostKeys:
    """The keys of one secrets directory; a new system key is saved when first asked."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[str, _File] = {}

    @property
    def master(self) -> str:
        """The key that opens every function and everything under `/admin`."""
        return str(self._host()["masterKey"]["value"])

    def system(self, name: str) -> str:
        """Return the system key of an extension's webhook, creating and saving a missing one."""
        if (value := _find(self._host()["systemKeys"], name)) is not None:
            return value
        return _find(_update(self._directory, system_key=name)["systemKeys"], name) or ""

    def opens_function(self, function: str, key: str) -> bool:
        """Whether `key` opens a function of level `function`: its own, a host or the master key."""
        own = self._read(f"{function.lower()}.json").get("keys", [])
        entries = [*self._host()["functionKeys"], *own]
        return _matches(key, [*(str(entry["value"]) for entry in entries), self.master])

    def opens_admin(self, key: str) -> bool:
        """Whether `key` is the master key."""
        return _matches(key, [self.master])

    def opens_system(self, name: str, key: str) -> bool:
        """Whether `key` opens the webhook of the extension; the master key does not."""
        return _matches(key, [self.system(name)])

    def _host(self) -> dict[str, Any]:
        document = self._read(FILE_NAME)
        # Someone removed a part of it, or all.
        return document if document.keys() >= _PARTS else _update(self._directory)

    def _read(self, name: str) -> dict[str, Any]:
        """Return a file's JSON, read again when it has changed since the last time."""
        file = self._files.setdefault(name, _File(self._directory / name))
        return file.read()


@dataclass(slots=True)
class _File:
    """A JSON file, held until it changes: asking stands in the way of every keyed request."""

    path: Path
    seen: tuple[int, int, int] = (0, 0, 0)
    document: dict[str, Any] = field(default_factory=dict)

    def read(self) -> dict[str, Any]:
        try:
            stat = os.stat(self.path)  # noqa: PTH116 - twice as fast as Path.stat, on every request
        except FileNotFoundError:
            self.seen, self.document = (0, 0, 0), {}
            return self.document
        seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if seen != self.seen:
            # Half a file, from an editor that is just saving, leaves the keys as they were.
            with suppress(ValueError):
                self.document, self.seen = json.loads(self.path.read_text()), seen
        return self.document


def load_or_create(directory: Path) -> HostKeys:
    """Read the keys of a secrets directory, making what is missing (file mode 0600)."""
    _update(directory)
    return HostKeys(directory)


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


def _matches(key: str, candidates: list[str]) -> bool:
    return any(compare_digest(key.encode(), candidate.encode()) for candidate in candidates)

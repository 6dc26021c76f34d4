"""The files of one stack, under one directory (``.local/``), and the lock that makes it one's own.

Invariant: the lock is held from before the first write to after the last part has stopped, also
when the supervisor is killed, because its watchdog holds it too; the kernel frees it in the end. So
two Azurites never write to one directory, and ``endpoints.json`` of a dead supervisor is known to
be stale.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emulators.stack.errors import AlreadyRunning


def write_atomically(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only: some of these hold keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.chmod(0o600)
    draft.replace(path)


LEFTOVERS = 8.0  # a little more than a watchdog takes


class State:
    """Where one stack keeps what: every path is decided here."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.azurite = self.root / "azurite"
        self.service_bus = self.root / "service_bus" / "broker.sqlite"
        self.secrets = self.root / "secrets"
        self.logs = self.root / "logs"
        self.endpoints = self.root / "endpoints.json"
        self.web_pubsub = self.root / "web_pubsub.json"
        self._lock = self.root / "stack.lock"
        self.lock = -1  # the open file that holds the lock

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Own the directory, or say who does."""
        self.root.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+") as lock:
            self._take(lock.fileno())
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self.endpoints.unlink(missing_ok=True)
            self.lock = lock.fileno()
            try:
                yield
            finally:
                self.endpoints.unlink(missing_ok=True)

    def _take(self, lock: int) -> None:
        """Lock at once, or as soon as the parts of a killed supervisor have ended."""
        deadline = time.monotonic() + LEFTOVERS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._holder_lives() or time.monotonic() > deadline:
                    raise AlreadyRunning(self._who()) from None
                time.sleep(0.1)
            else:
                return

    def _holder_lives(self) -> bool:
        try:
            os.kill(int(self._lock.read_text() or os.getpid()), 0)
        except ProcessLookupError:
            return False
        except (ValueError, PermissionError):
            return True
        return True

    def _who(self) -> str:
        known = self.read_endpoints()
        where = f" at {known['functions']}" if "functions" in known else ""
        process = f" (process {known['pid']})" if "pid" in known else ""
        return f"a stack of {self.root} is running already{where}{process}: stop that one first"

    def read_endpoints(self) -> dict[str, Any]:
        """What the running stack has published; empty before it is ready."""
        try:
            content = json.loads(self.endpoints.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def publish(self, urls: Mapping[str, str]) -> None:
        """Say to tools and tests that the stack is ready, and where."""
        content = {**urls, "pid": os.getpid()}
        write_atomically(self.endpoints, json.dumps(content, indent=2) + "\n")

    def clear(self) -> None:
        """Forget everything; refused while a stack of it is running."""
        with self.locked():
            for entry in self.root.iterdir():
                # The lock goes last, by staying: who waits for it must find the same file.
                if entry == self._lock:
                    continue
                if entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()

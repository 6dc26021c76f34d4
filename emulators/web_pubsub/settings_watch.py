"""Takes over an edited settings file while the emulator runs.

The content is compared, not the date: editors write in place or replace the file, within one tick
of a file system's clock or on a mounted folder whose dates cannot be trusted.
Invariant: what is in force are always the last good settings; an edit is judged once it has stopped
changing, so that a file half written is neither taken over nor complained of; each edit is
reported once, in one line.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from emulators.web_pubsub.settings import Settings, SettingsError, parse_settings, read_settings

POLL_SECONDS = 0.25
_log = logging.getLogger(__name__)


class SettingsWatcher:
    """Looks at one file, a few times a second."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self.path = path
        self._environment = environment
        content = read_settings(path)
        self._judged: bytes | SettingsError = content
        self._seen: bytes | SettingsError = content
        self.settings = parse_settings(content, environment)
        self.reloads = 0
        self.problem: str | None = None

    async def run(self, use: Callable[[Settings], None]) -> None:
        """Watch until cancelled, and hand over each new good state."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if self.observe(await asyncio.to_thread(self._look)):
                use(self.settings)

    def observe(self, content: bytes | SettingsError) -> bool:
        """Note what is in the file now, and return whether it made new settings.

        It is judged when it was there a moment ago already.
        """
        settled = _same(content, self._seen)
        self._seen = content
        if not settled or _same(content, self._judged):
            return False
        self._judged = content
        return self._judge(content)

    def _look(self) -> bytes | SettingsError:
        try:
            return read_settings(self.path)
        except SettingsError as error:
            return error

    def _judge(self, content: bytes | SettingsError) -> bool:
        try:
            if isinstance(content, SettingsError):
                raise content
            self.settings = parse_settings(content, self._environment)
        except SettingsError as error:
            self.problem = str(error)
            _log.warning("%s: the last good settings stay in force: %s", self.path, error)
            return False
        self.problem = None
        self.reloads += 1
        print(f"Settings taken over from {self.path}: {_summary(self.settings)}", flush=True)  # noqa: T201 - the command's output
        return True


def _same(one: bytes | SettingsError, other: bytes | SettingsError) -> bool:
    if isinstance(one, bytes) or isinstance(other, bytes):
        return one == other
    return str(one) == str(other)


def _summary(settings: Settings) -> str:
    handlers = sum(len(hub.event_handlers) for hub in settings.hubs.values())
    return f"{len(settings.hubs)} hubs, {handlers} event handlers"

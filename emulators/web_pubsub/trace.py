"""The live trace: frames as they pass, for whoever watches the page or reads the stream.

Invariant: nobody watching costs nothing, and watching never slows the service: a watcher that does
not keep up loses entries, is told how many, and holds a bounded number; payloads are cut.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.connection import Connection

MAX_PAYLOAD = 400
MAX_WAITING = 1000
MAX_WATCHERS = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """One frame, or the beginning or end of a socket."""

    at: float
    direction: str
    hub: str
    connection_id: str
    user_id: str | None
    kind: str
    size: int
    payload: str
    faults: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Return the entry as the stream has it."""
        return {
            "at": self.at,
            "direction": self.direction,
            "hub": self.hub,
            "connectionId": self.connection_id,
            "userId": self.user_id,
            "kind": self.kind,
            "size": self.size,
            "payload": self.payload,
            "faults": self.faults,
        }


class Watcher:
    """One reader of the trace."""

    def __init__(self, hub: str | None) -> None:
        self.hub = hub
        self.closed = False
        self._waiting: deque[Entry] = deque()
        self._lost = 0
        self._news = asyncio.Event()

    def offer(self, entry: Entry) -> None:
        """Take an entry, or count it as lost."""
        if self.hub not in {None, entry.hub}:
            return
        if len(self._waiting) >= MAX_WAITING:
            self._lost += 1
        else:
            self._waiting.append(entry)
        self._news.set()

    def close(self) -> None:
        """Let the reader go."""
        self.closed = True
        self._news.set()

    async def next(self) -> tuple[list[Entry], int]:
        """Wait for entries; returns them and how many were lost behind them."""
        await self._news.wait()
        self._news.clear()
        entries, lost = list(self._waiting), self._lost
        self._waiting.clear()
        self._lost = 0
        return entries, lost


class Trace:
    """Hands entries to watchers."""

    def __init__(self, clock: Clock, on_change: Callable[[], None] = lambda: None) -> None:
        self.on_change = on_change
        self._clock = clock
        self._watchers: dict[Watcher, None] = {}

    @property
    def watchers(self) -> int:
        """How many look."""
        return len(self._watchers)

    @property
    def watched(self) -> bool:
        """Whether anybody looks."""
        return bool(self._watchers)

    def watch(self, hub: str | None) -> Watcher | None:
        """Begin to watch one hub or all; None when enough do already."""
        if len(self._watchers) >= MAX_WATCHERS:
            return None
        watcher = Watcher(hub)
        self._watchers[watcher] = None
        self.on_change()
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Watch no more."""
        self._watchers.pop(watcher, None)
        self.on_change()

    def close(self) -> None:
        """Let all watchers go, because the emulator stops."""
        for watcher in self._watchers:
            watcher.close()

    def record(
        self,
        connection: Connection,
        direction: str,
        kind: str,
        payload: str | bytes = "",
        faults: tuple[str, ...] = (),
    ) -> None:
        """Show an entry to all who watch."""
        if not self._watchers:
            return
        entry = Entry(
            round(self._clock.now(), 3),
            direction,
            connection.events.hub,
            connection.id,
            connection.user_id,
            kind,
            len(payload),
            readable(payload),
            faults,
        )
        for watcher in self._watchers:
            watcher.offer(entry)


def readable(payload: str | bytes) -> str:
    """Return the beginning of a payload as text; what is no text is shown in hexadecimal."""
    start = payload[:MAX_PAYLOAD]
    cut = len(payload) > MAX_PAYLOAD
    text = start if isinstance(start, str) else _decoded(start, cut=cut)
    return f"{text}…" if cut else text


def _decoded(start: bytes, *, cut: bool) -> str:
    try:
        return start.decode()
    except UnicodeDecodeError as error:
        # A character that the cut has split is no sign of binary data.
        if cut and error.start > len(start) - 4:
            return start[: error.start].decode()
        return start.hex(" ")

"""What the developer sees: one line an invocation, its logs under it, and the host's own words.

Invariant: the logs of one invocation stand together under its line. They are held until it ends,
but for at most a second, so that a slow function is not a silent one.
"""

import asyncio
import os
import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

_HOLD_SECONDS = 1.0
_SHORT_ID = 8
_COLOURS = {"red": "\x1b[31m", "green": "\x1b[32m", "yellow": "\x1b[33m", "dim": "\x1b[2m"}
_LEVEL_COLOURS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


@dataclass(slots=True)
class _Running:
    name: str
    began: float
    held: list[str] = field(default_factory=list)
    released: bool = False


class Console:
    """Writes to one stream, in one write per turn of the event loop."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        # https://no-color.org: any value but the empty one.
        self._colour = stream.isatty() and not os.environ.get("NO_COLOR")
        self._running: dict[str, _Running] = {}
        self._waiting: list[str] = []
        self._second = (0, "")

    def say(self, text: str, colour: str | None = None) -> None:
        """Write lines of the host itself."""
        self._write(self._paint(text, colour))

    def warn(self, text: str) -> None:
        """Write something the developer should act on."""
        self._write(f"{self._stamp()} {self._paint(f'warning: {text}', 'yellow')}")

    def begin(self, invocation: str, name: str) -> None:
        """Note that an invocation runs, so that its logs find their place."""
        self._running[invocation] = _Running(name, time.perf_counter())

    def end(self, invocation: str, outcome: str, details: str = "", *, ok: bool) -> None:
        """Write the line of an ended invocation, then what it logged and why it failed."""
        run = self._running.pop(invocation)
        milliseconds = (time.perf_counter() - run.began) * 1000
        outcome = self._paint(outcome, "green" if ok else "red") if self._colour else outcome
        lines = [
            f"{self._stamp()} {run.name} {invocation[:_SHORT_ID]} {outcome} {milliseconds:.1f} ms"
        ]
        lines += [] if run.released else run.held
        if details:
            lines.append(self._paint(_indent(details), "red"))
        self._write("\n".join(lines))

    def log(self, invocation: str | None, level: str, text: str, logger: str = "root") -> None:
        """Take one record of the app's logging."""
        del logger
        line = self._paint(_indent(f"{level} {text}"), _LEVEL_COLOURS.get(level, "dim"))
        run = self._running.get(invocation) if invocation else None
        if run is None or invocation is None:
            why = "after its invocation ended" if invocation else "outside an invocation"
            self._write(f"{self._stamp()} {line.strip()} (logged {why}; Azure drops this)")
        elif run.released:
            self._write(line)
        else:
            if not run.held:
                asyncio.get_running_loop().call_later(_HOLD_SECONDS, self._release, invocation)
            run.held.append(line)

    def flush(self) -> None:
        """Write what waits, now."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._stream.write("\n".join(waiting) + "\n")
            self._stream.flush()

    def _release(self, invocation: str) -> None:
        if (run := self._running.get(invocation)) is not None:
            run.released = True
            head = f"{self._stamp()} {run.name} {invocation[:_SHORT_ID]} is running"
            self._write("\n".join([head, *run.held]))

    def _write(self, text: str) -> None:
        self._waiting.append(text)
        if len(self._waiting) == 1:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:
                # Before the loop runs, or after it.
                self.flush()

    def _stamp(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second[0]:
            self._second = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
        return f"[{self._second[1]}.{int((now - second) * 1000):03d}Z]"

    def _paint(self, text: str, colour: str | None) -> str:
        return f"{_COLOURS[colour]}{text}\x1b[0m" if self._colour and colour else text


def _indent(text: str) -> str:
    return "    " + text.rstrip("\n").replace("\n", "\n    ")

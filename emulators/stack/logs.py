"""The log of one part: a file that stays small, and its last lines at hand for a report.

Invariant: nothing that a part writes is lost to the file, except by rotation; one previous file is
kept, so that the log of a crashed run survives the next start.
"""

from collections import deque
from collections.abc import Callable
from pathlib import Path

TAIL = 25
ROTATE_AT = 32 * 1024 * 1024
LONGEST_LINE = 64 * 1024


class Log:
    """Takes a part's output in whatever pieces it comes."""

    def __init__(self, path: Path, show: Callable[[str], None] | None = None) -> None:
        self.path = path
        self._show = show
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._rest = b""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._rotate()

    def _rotate(self) -> None:
        if self.path.exists():
            self.path.replace(self.path.with_suffix(".previous.log"))
        self._size = 0

    def write(self, chunk: bytes) -> None:
        """Keep a piece; its complete lines are shown."""
        if self._size > ROTATE_AT:
            self._rotate()
        with self.path.open("ab") as file:
            self._size += file.write(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._rest) > LONGEST_LINE:
            self.flush()

    def flush(self) -> None:
        """Take an unfinished last line as a line."""
        if self._rest:
            self._line(self._rest)
            self._rest = b""

    def _line(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        self._tail.append(text)
        if self._show:
            self._show(text)

    def tail(self) -> str:
        """The last lines, indented, and where the rest is."""
        lines = "".join(f"    | {line}\n" for line in self._tail) or "    | (no output)\n"
        return f"{lines}    whole log: {self.path}"

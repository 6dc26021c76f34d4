"""Notices when an async function blocks the worker's event loop, and where (`--strict` only).

The loop leaves a sign of life every few milliseconds; a thread looks for it, and for what the loop's
thread is doing when the sign is late. Invariant: the thread only looks; the loop itself reports,
once it is free again, so nothing of the app is called from outside its thread.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

_LIMIT_SECONDS = 0.1
_BEAT_SECONDS = 0.02

type Report = Callable[[str, float, str], None]
type Running = Mapping["asyncio.Task[None]", str]


class Watchdog:
    """Watches one event loop; `report` is called on it with function id, seconds and place."""

    def __init__(self, app: Path, running: Running, report: Report) -> None:
        self._app = str(app)
        self._running = running
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._beat = time.monotonic()

    def start(self) -> None:
        """Begin to watch."""
        self._live()
        threading.Thread(target=self._watch, daemon=True).start()

    def _live(self) -> None:
        self._beat = time.monotonic()
        self._loop.call_later(_BEAT_SECONDS, self._live)

    def _watch(self) -> None:
        while True:
            time.sleep(_BEAT_SECONDS)
            beat = self._beat
            if time.monotonic() - beat > _LIMIT_SECONDS:
                self._note(beat)

    def _note(self, beat: float) -> None:
        """Look once at what blocks, then wait until it is over."""
        task = asyncio.current_task(self._loop)
        place = self._place(sys._current_frames().get(self._thread))  # noqa: SLF001 - documented for exactly this
        # Now, because the task may have ended by the time that the loop is free.
        function = self._running.get(task) if task is not None else None
        while self._beat == beat:
            time.sleep(_BEAT_SECONDS)
        if function is not None and place:
            seconds = self._beat - beat
            self._loop.call_soon_threadsafe(self._report, function, seconds, place)

    def _place(self, frame: FrameType | None) -> str:
        """Name the innermost line of the app; nothing when none of its code runs."""
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(self._app) and "site-packages" not in file:
                name = Path(file).relative_to(self._app)
                return f"{name}:{frame.f_lineno} in {frame.f_code.co_name}"
            frame = frame.f_back
        return ""

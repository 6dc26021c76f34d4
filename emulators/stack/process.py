"""One running part: its process group, its output, its end.

Invariant: a part is a process group of its own, known to the watchdog while it lives. Nothing of
the group is left once ``ended`` or ``stop`` has returned, children of the part included.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

from emulators.stack.errors import StackError
from emulators.stack.logs import Log
from emulators.stack.parts import Part

_HERE = Path(__file__).parent
_CHUNK = 64 * 1024
# Isolated and without site-packages: these two start in a few milliseconds.
_PYTHON = (sys.executable, "-I", "-S")


class Watchdog:
    """The supervisor's end of the pipe to ``watchdog.py``."""

    def __init__(self, process: asyncio.subprocess.Process, pipe: int) -> None:
        self._process = process
        self.pipe = pipe

    @classmethod
    async def start(cls, lock: int) -> Self:
        """Start it before any part; it shares the lock, so that this is held while it works."""
        read, write = os.pipe()
        process = await asyncio.create_subprocess_exec(
            *_PYTHON, _HERE / "watchdog.py", stdin=read, pass_fds=(lock,), start_new_session=True
        )
        os.close(read)
        return cls(process, write)

    async def ended(self) -> None:
        """Without it a part could outlive us, so its end is the end of the stack."""
        code = await self._process.wait()
        raise StackError(f"the stack's watchdog ended ({reason(code)}): stopping all parts")

    def forget(self, group: int) -> None:
        """This group is gone, and its number may be given to others."""
        with suppress(BrokenPipeError):
            os.write(self.pipe, f"-{group}\n".encode())

    async def stop(self) -> None:
        """By closing the pipe: it has nothing left to end, or ends it."""
        os.close(self.pipe)
        await self._process.wait()


class Process:
    """A part's life from start to end."""

    def __init__(self, part: Part, log: Log, watchdog: Watchdog) -> None:
        self.part = part
        self.log = log
        self._watchdog = watchdog
        self._output = -1
        self._process: asyncio.subprocess.Process
        self._closed = False

    async def start(self) -> None:
        """Start the command; output flows into the log from now on."""
        self._output, theirs = os.pipe()
        os.set_blocking(self._output, False)
        self._process = await asyncio.create_subprocess_exec(
            *_PYTHON,
            _HERE / "guard.py",
            str(self._watchdog.pipe),
            *self.part.command,
            cwd=self.part.cwd,
            env=dict(self.part.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=theirs,
            stderr=asyncio.subprocess.STDOUT,
            pass_fds=(self._watchdog.pipe,),
            start_new_session=True,
        )
        os.close(theirs)
        asyncio.get_running_loop().add_reader(self._output, self._read)

    def _read(self) -> bool:
        """Move one piece of output into the log; false when there is none."""
        try:
            chunk = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return False
        if chunk:
            self.log.write(chunk)
        else:
            asyncio.get_running_loop().remove_reader(self._output)
        return bool(chunk)

    async def ended(self) -> int:
        """Wait for the end of its own accord and answer the exit code."""
        code = await self._process.wait()
        self._clean_up()
        return code

    async def stop(self, limit: float) -> None:
        """Ask it to end; after the limit, make it."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), limit)
        except TimeoutError:
            self.kill()
            await self._process.wait()
        self._clean_up()

    def kill(self) -> None:
        """End the whole group at once."""
        signal_group(self._process.pid, signal.SIGKILL)

    def _clean_up(self) -> None:
        if self._closed:
            return
        self._closed = True
        # What the part started itself and left behind.
        self.kill()
        self._watchdog.forget(self._process.pid)
        while self._read():
            pass
        self.log.flush()
        asyncio.get_running_loop().remove_reader(self._output)
        os.close(self._output)


def signal_group(group: int, number: signal.Signals) -> None:
    """Signal all of a process group; nothing left of it is fine."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def reason(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"

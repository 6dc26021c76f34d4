"""The worker process: connects to the host, indexes the app, and runs what it is told to run.

Invariant: a worker never outlives its host. When the host is gone, by whatever way, the lifeline
pipe closes and the process ends at once, even if the app blocks the event loop.
"""

import asyncio
import logging
import os
import socket
import sys
import threading
import time
from pathlib import Path

import uvloop

from emulators.functions_host.worker import logs, runtime, wire
from emulators.functions_host.worker.watchdog import Watchdog

_EXIT_HOST_GONE = 3


def main(socket_fd: int, lifeline_fd: int, app: Path, *, strict: bool) -> None:
    """Run the worker until the host closes the connection."""
    for descriptor in (socket_fd, lifeline_fd):
        os.set_inheritable(descriptor, False)
    threading.Thread(target=_watch, args=(lifeline_fd,), daemon=True).start()
    _use_path_of(app)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Worker(app).run(socket_fd, strict=strict))
    # Threads of the app may still run; the host asked us to end, so end.
    os._exit(0)


def _watch(lifeline_fd: int) -> None:
    """Block until the host's end of the pipe is closed, which the kernel does when it dies."""
    os.read(lifeline_fd, 1)
    os._exit(_EXIT_HOST_GONE)


def _use_path_of(app: Path) -> None:
    """Import as on Azure: the app's directory first, and not what started this process."""
    os.chdir(app)
    started_from = str(Path(__file__).resolve().parents[3])
    sys.path[:] = [str(app), *(p for p in sys.path if p not in {"", str(app), started_from})]


class _Worker:
    """The conversation with the host."""

    def __init__(self, app: Path) -> None:
        self._app = app
        self._running: dict[asyncio.Task[None], str] = {}
        self._closed = asyncio.Event()
        self._channel: wire.Channel

    async def run(self, socket_fd: int, *, strict: bool) -> None:
        loop = asyncio.get_running_loop()
        _, self._channel = await loop.create_connection(
            lambda: wire.Channel(self._received, self._closed.set),
            sock=socket.socket(fileno=socket_fd),
        )
        debug = os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING", "").lower() in {"1", "true"}
        logs.install(self._channel, debug=debug)
        await self._index()
        if strict:
            Watchdog(self._app, self._running, self._blocked).start()
        await self._closed.wait()
        runtime.stop()

    async def _index(self) -> None:
        self._channel.send(wire.STARTED)
        # Indexing imports the app and does not yield; let the message go first.
        await asyncio.sleep(0)
        began = time.monotonic()
        try:
            functions = await runtime.index(self._app)
            self._channel.send(wire.READY, functions, time.monotonic() - began)
        except runtime.IndexingError as error:
            self._channel.send(wire.FAILED, str(error), error.stack)

    def _blocked(self, function: str, seconds: float, place: str) -> None:
        self._channel.send(wire.BLOCKED, function, round(seconds * 1000), place)

    def _received(self, message: wire.Message) -> None:
        if message[0] == wire.INVOKE:
            task = asyncio.get_running_loop().create_task(self._invoke(message))
            self._running[task] = message[2]
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]

    async def _invoke(self, message: wire.Message) -> None:
        invocation = message[1]
        result = await runtime.invoke(message)
        try:
            self._channel.send(wire.RESULT, invocation, *result)
        except (ValueError, TypeError, OverflowError) as error:
            # For instance an integer that no wire format carries.
            logging.getLogger("azure.functions").warning("The result cannot be sent: %s", error)
            self._channel.send(wire.RESULT, invocation, False, None, {}, f"result: {error}", "")

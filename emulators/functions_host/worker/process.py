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
from pathlib import Path

import uvloop

from emulators.functions_host.worker import logs, runtime, wire

_EXIT_HOST_GONE = 3


def main(socket_fd: int, lifeline_fd: int, app: Path) -> None:
    """Run the worker until the host closes the connection."""
    for descriptor in (socket_fd, lifeline_fd):
        os.set_inheritable(descriptor, False)
    threading.Thread(target=_watch, args=(lifeline_fd,), daemon=True).start()
    _use_path_of(app)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Worker(app).run(socket_fd))
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
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()
        self._channel: wire.Channel

    async def run(self, socket_fd: int) -> None:
        loop = asyncio.get_running_loop()
        _, self._channel = await loop.create_connection(
            lambda: wire.Channel(self._received, self._closed.set),
            sock=socket.socket(fileno=socket_fd),
        )
        debug = os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING", "").lower() in {"1", "true"}
        logs.install(self._channel, debug=debug)
        await self._index()
        await self._closed.wait()
        runtime.stop()

    async def _index(self) -> None:
        try:
            self._channel.send(wire.READY, await runtime.index(self._app))
        except runtime.IndexingError as error:
            self._channel.send(wire.FAILED, str(error), error.stack)

    def _received(self, message: wire.Message) -> None:
        if message[0] == wire.INVOKE:
            task = asyncio.get_running_loop().create_task(self._invoke(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _invoke(self, message: wire.Message) -> None:
        invocation = message[1]
        result = await runtime.invoke(message)
        try:
            self._channel.send(wire.RESULT, invocation, *result)
        except (ValueError, TypeError, OverflowError) as error:
            # For instance an integer that no wire format carries.
            logging.getLogger("azure.functions").warning("The result cannot be sent: %s", error)
            self._channel.send(wire.RESULT, invocation, False, None, {}, f"result: {error}", "")

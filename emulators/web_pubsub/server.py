"""Runs the emulator: listen, say where, wait for a signal, leave cleanly.

Invariant: the two lines on standard output mean that requests are being answered; and leaving
takes about a second, whatever clients and handlers do.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from emulators.web_pubsub.app import build_app
from emulators.web_pubsub.emulator import Emulator
from emulators.web_pubsub.settings import Settings, load_settings
from emulators.web_pubsub.settings_watch import SettingsWatcher

# aiohttp waits so long for handlers to end by themselves, and as long again after cancelling them.
GOODBYE_SECONDS = 0.5
_LOOPBACK_AND_ANY = {"127.0.0.1", "0.0.0.0", "::", "::1", "localhost"}  # noqa: S104 - compared with, not bound to


class PortTakenError(Exception):
    """The address cannot be listened on."""


def run_server(settings_file: Path | None, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT, by the settings file and what the environment says."""
    configure_logging()
    watcher = SettingsWatcher(settings_file, os.environ) if settings_file else None
    settings = watcher.settings if watcher else load_settings(None, os.environ)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(settings, host, port, watcher))


async def serve(
    settings: Settings, host: str, port: int, watcher: SettingsWatcher | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, by the latest settings that the watcher finds."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    # The name that the printed connection string has; handlers compare their own against it.
    name = "localhost" if host in _LOOPBACK_AND_ANY else host
    emulator = Emulator(settings, name, port)
    emulator.settings_watcher = watcher
    runner = web.AppRunner(
        build_app(emulator), access_log=None, shutdown_timeout=GOODBYE_SECONDS, handle_signals=False
    )
    await runner.setup()
    try:
        await _listen(runner, host, port)
        _announce(emulator, host, port)
        async with _watching(watcher, emulator):
            await stopping.wait()
    finally:
        emulator.close_connections()
        emulator.trace.close()
        await runner.cleanup()
        await emulator.upstream.close()


@contextlib.asynccontextmanager
async def _watching(watcher: SettingsWatcher | None, emulator: Emulator) -> AsyncIterator[None]:
    task = asyncio.create_task(watcher.run(emulator.use)) if watcher else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.wait([task])


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
    except OSError as error:
        raise PortTakenError(f"cannot listen on {host}:{port}: {error.strerror}") from error


def _announce(emulator: Emulator, host: str, port: int) -> None:
    address = f"Azure Web PubSub emulator listening on http://{host}:{port}"
    print(address, f"Connection string: {emulator.connection_string}", sep="\n", flush=True)  # noqa: T201 - the command's output


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def configure_logging() -> None:
    """Log one line per failure worth knowing, and nothing that a stranger can provoke at will."""
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
    # A subprotocol that we do not speak is the client's business: it just is not selected.
    logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)
    logging.getLogger("aiohttp.server").addFilter(_is_our_fault)


def _is_our_fault(record: logging.LogRecord) -> bool:
    """Broken HTTP is answered with a 400; aiohttp logs its traceback as an error all the same."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | web.RequestPayloadError)

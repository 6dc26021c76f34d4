"""The host: puts the parts together, starts them in order, and stops them in reverse.

Start: the port is bound, workers index the app, functions are loaded, listeners begin, and only then
is the host ready. Stop: listeners first, so that nothing new begins, then what runs, then workers.
Invariant: every way out of `run` has stopped every process that it started.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import aiohttp

from emulators.functions_host import explain, keys, reload
from emulators.functions_host.console import Console
from emulators.functions_host.console_core_tools import CoreToolsConsole
from emulators.functions_host.generation import Generation, HostOptions, Surroundings
from emulators.functions_host.host_json import HostJsonError
from emulators.functions_host.http.app import HttpApp
from emulators.functions_host.http.server import Server, configuration
from emulators.functions_host.settings import SettingsError

_GRACE_SECONDS = 5.0


class Host:
    """One running host."""

    def __init__(self, options: HostOptions, listener: socket.socket) -> None:
        self._console = CoreToolsConsole() if options.core_tools_console else Console()
        self._options = options
        self._listener = listener
        host, port = listener.getsockname()[:2]
        self._address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self._stop = asyncio.Event()
        self._exit_code = 0
        self._current: Generation | None = None
        self._http = HttpApp(keys.load_or_create(options.secrets))

    async def run(self) -> int:
        """Serve until told to stop; return the process's exit code.

        Raises:
            HostJsonError, SettingsError: if the host cannot start with these files.
        """
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), auto_decompress=False
        ) as session:
            around = Surroundings(self._options, self._address, self._console, session)
            first = self._current = self._generation(around)
            server = Server(configuration(self._http, _GRACE_SECONDS))
            with self._signals():
                serving = asyncio.create_task(server.serve(sockets=[self._listener]))
                await self._until_stopped(asyncio.create_task(self._begin(first, around)))
                await self._shut_down(server, serving)
        self._console.flush()
        return self._exit_code

    def _generation(self, around: Surroundings) -> Generation:
        return Generation(around, self._fatal)

    async def _begin(self, first: Generation, around: Surroundings) -> None:
        """Load the app and serve it; then, if asked to, follow its changes."""
        indexed = await first.prepare()
        if indexed.crashed:
            self._fatal(indexed.error)
            return
        if indexed.error:
            self._console.say(explain.indexing_failure(indexed.error, indexed.stack), "red")
        else:
            first.list_functions()
        await first.listen()
        self._http.site = first.site
        self._console.say(f"\nListening on {self._address}")
        if self._options.reload:
            async for names in reload.changes(self._options.app, self._options.settings_file):
                self._console.say(f"\n{', '.join(names[:3])} changed; reloading")
                await self._reload(around)

    async def _reload(self, around: Surroundings) -> None:
        """Let a new version of the app take over, or say why it cannot."""
        try:
            new = self._generation(around)
        except (HostJsonError, SettingsError) as error:
            self._refuse(str(error), str(error))
            return
        indexed = await new.prepare()
        if indexed.error:
            self._refuse(indexed.error, explain.indexing_failure(indexed.error, indexed.stack))
            await new.stop()
        else:
            await self._take_over(new)

    def _refuse(self, error: str, explanation: str) -> None:
        """Keep the version that runs, if one does; a host that had none tells of the newest error."""
        self._console.say(explanation, "red")
        if self._current is None:
            return
        admin = self._current.site.admin
        if admin.error:
            admin.error = error
        else:
            admin.reload_error = error
            self._console.say("\nThe version before goes on.", "red")

    async def _take_over(self, new: Generation) -> None:
        """Requests go to the new version at once; listeners change over; the old one is drained."""
        old, self._current = self._current, new
        self._http.site = new.site
        if old is not None:
            await old.stop_listening(_GRACE_SECONDS)
        await new.listen()
        if old is not None:
            await old.stop()
        new.list_functions()
        self._console.say(f"\nReloaded; listening on {self._address}")

    async def _until_stopped(self, working: asyncio.Task[None]) -> None:
        """Wait for the order to stop; what goes wrong in the host itself is one, too."""
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if working.done() and (error := working.exception()) is not None:
            self._fatal(f"an error of its own: {error!r}")
        await stopped
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await working

    async def _shut_down(self, server: Server, serving: asyncio.Task[None]) -> None:
        """Stop in the order that lets what runs end: at most a few seconds, then without it."""
        self._http.site = None
        if self._current is not None:
            await self._current.stop_listening(_GRACE_SECONDS)
        server.should_exit = True
        if self._current is not None:
            await self._current.stop()
        await serving

    def _fatal(self, reason: str) -> None:
        self._console.say(f"The host stops: {reason}.", "red")
        self._exit_code = 1
        self._stop.set()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        yield
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

"""The host: puts the parts together, starts them in order, and stops them in reverse.

Start: the port is bound, workers index the app, functions are loaded, listeners begin, and only then
is the host ready. Stop: listeners first, so that nothing new begins, then what runs, then workers.
Invariant: every way out of `run` has stopped every process that it started.
"""

import asyncio
import contextlib
import hashlib
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import uvicorn

from emulators.functions_host import explain, host_json, index, keys, settings
from emulators.functions_host.console import Console
from emulators.functions_host.dispatch.child import Indexed
from emulators.functions_host.dispatch.pool import Pool, PoolOptions
from emulators.functions_host.http.admin import Admin
from emulators.functions_host.http.app import HttpApp
from emulators.functions_host.http.request import BODY_LIMIT
from emulators.functions_host.http.routes import RouteTable
from emulators.functions_host.services import Services
from emulators.functions_host.triggers.base import Trigger

_GRACE_SECONDS = 5.0
_LAST_WORDS_SECONDS = 2.0
_KEEP_ALIVE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class HostOptions:
    """What the command line asks for."""

    app: Path
    settings_file: Path
    secrets: Path
    workers: int | None
    azure_timing: bool


class Host:
    """One running host."""

    def __init__(self, options: HostOptions, listener: socket.socket) -> None:
        self._console = Console()
        self._settings = settings.load(options.settings_file)
        self._host_json = host_json.load(options.app)
        self._options = options
        self._listener = listener
        host, port = listener.getsockname()[:2]
        self._address = f"http://{host}:{port}"
        self._stop = asyncio.Event()
        self._exit_code = 0
        self._triggers: list[Trigger] = []
        self._pool = Pool(self._pool_options(), self._console, self._fatal)
        self._http = HttpApp(
            keys=keys.load_or_create(options.secrets),
            routes=RouteTable(self._host_json.route_prefix),
            webhooks={},
            admin=Admin(self._address),
            homepage=not self._settings.flag("AzureWebJobsDisableHomepage"),
            body_limit=int(self._settings.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT") or BODY_LIMIT),
        )

    async def run(self) -> int:
        """Serve until told to stop; return the process's exit code."""
        server = _Server(
            uvicorn.Config(
                self._http,
                loop="none",
                http="httptools",
                lifespan="off",
                access_log=False,
                log_level="warning",
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=int(_GRACE_SECONDS),
            )
        )
        with self._signals():
            serving = asyncio.create_task(server.serve(sockets=[self._listener]))
            async with aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0), auto_decompress=False
            ) as session:
                starting = asyncio.create_task(self._start(session))
                await self._until_stopped(starting)
                await self._shut_down(server, serving)
        self._console.flush()
        return self._exit_code

    async def _start(self, session: aiohttp.ClientSession) -> None:
        indexed = await self._pool.start()
        self._load(indexed, session)
        for trigger in self._triggers:
            await trigger.start()
        self._http.ready = True
        self._console.say(f"\nListening on {self._address}")

    def _load(self, indexed: Indexed, session: aiohttp.ClientSession) -> None:
        admin = self._http.admin
        if indexed.error:
            admin.error = indexed.error
            self._console.say(explain.indexing_failure(indexed.error, indexed.stack), "red")
            return
        services = self._services(session)
        for function in index.read(indexed.functions):
            loaded = index.load(function, services, self._pool)
            admin.loaded[function.name.lower()] = loaded
            if loaded.trigger is not None:
                self._triggers.append(loaded.trigger)
        self._list_functions()

    def _services(self, session: aiohttp.ClientSession) -> Services:
        return Services(
            settings=self._settings,
            host_json=self._host_json,
            console=self._console,
            session=session,
            routes=self._http.routes,
            address=self._address,
            host_id=_host_id(self._options.app),
            azure_timing=self._options.azure_timing,
            body_limit=self._http.body_limit,
            webhooks=self._http.webhooks,
        )

    def _list_functions(self) -> None:
        loaded = self._http.admin.loaded.values()
        width = max((len(item.function.name) for item in loaded), default=0)
        self._console.say("\nFunctions:\n" if loaded else "\nThe app has no functions.")
        for item in loaded:
            name = item.function.name.ljust(width)
            if item.trigger is not None:
                self._console.say(f"  {name}  {item.trigger.describe()}")
            else:
                self._console.say(f"  {name}  in error: {item.function.error}", "red")

    async def _until_stopped(self, starting: asyncio.Task[None]) -> None:
        """Wait for the order to stop; a failure to start is raised here."""
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
        elif (error := starting.exception()) is not None:
            self._fatal(f"the host could not start: {error!r}")
        await stopped

    async def _shut_down(self, server: "_Server", serving: asyncio.Task[None]) -> None:
        """Stop in the order that lets what runs end: at most a few seconds, then without it."""
        self._http.ready = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                await asyncio.gather(*(trigger.stop() for trigger in self._triggers))
                await self._http.idle.wait()
        server.should_exit = True
        await self._pool.stop()
        # What was still running has now failed; give its messages back before the end.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                await asyncio.gather(*(trigger.stop() for trigger in self._triggers))
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

    def _pool_options(self) -> PoolOptions:
        host, port = self._listener.getsockname()[:2]
        # What Core Tools sets; an app may look at it.
        own = {
            "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
            "AzureWebJobsScriptRoot": str(self._options.app),
            "WEBSITE_HOSTNAME": f"{host}:{port}",
        }
        configured = self._settings.get("FUNCTIONS_WORKER_PROCESS_COUNT")
        return PoolOptions(
            app=self._options.app,
            environment={**own, **self._settings.values},
            workers=self._options.workers or int(configured or 1),
            function_timeout=self._host_json.function_timeout,
        )


class _Server(uvicorn.Server):
    """uvicorn, but for the signals: stopping is the host's own affair."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signal handlers as the host set them."""
        yield


def _host_id(app: Path) -> str:
    """Name the host in storage: the same at every start, another for another app."""
    digest = hashlib.sha256(f"{os.uname().nodename}{app}".encode()).hexdigest()[:8]
    return f"{app.name.lower()[:20]}-{digest}"

"""One version of the app as it runs: its settings, workers, functions and listeners.

`--reload` makes a new one beside the old, and lets it take over when it could be loaded. Invariant:
nothing of a generation begins before `listen`, and after `stop` nothing of it is left.
"""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp

from emulators.functions_host import host_json, index, settings
from emulators.functions_host.clients.service_bus import Namespaces
from emulators.functions_host.console import Console
from emulators.functions_host.dispatch.child import Indexed
from emulators.functions_host.dispatch.pool import Pool, PoolOptions
from emulators.functions_host.host_json import HostJson, HostJsonError
from emulators.functions_host.http.admin import Admin
from emulators.functions_host.http.cors import policy
from emulators.functions_host.http.overlaps import overlaps
from emulators.functions_host.http.request import BODY_LIMIT
from emulators.functions_host.http.response import RawHeaders
from emulators.functions_host.http.routes import RouteTable
from emulators.functions_host.http.site import Site
from emulators.functions_host.http.throttle import throttle
from emulators.functions_host.model import Function
from emulators.functions_host.services import Services
from emulators.functions_host.settings import Settings, SettingsError
from emulators.functions_host.strict import Strict, Trap
from emulators.functions_host.triggers.base import Trigger

_LAST_WORDS_SECONDS = 2.0
_MOST_WORKERS = 10
_QUEUES = {"queuetrigger", "servicebustrigger"}


@dataclass(frozen=True, slots=True)
class HostOptions:
    """What the command line asks for."""

    app: Path
    settings_file: Path
    secrets: Path
    workers: int | None = None
    azure_timing: bool = False
    strict: bool = False
    reload: bool = False
    core_tools_console: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a generation finds where it runs, and what outlives it."""

    options: HostOptions
    address: str
    console: Console
    session: aiohttp.ClientSession


class Generation:
    """One version of the app.

    Raises:
        HostJsonError, SettingsError: when made from files that cannot be used.
    """

    def __init__(self, around: Surroundings, on_fatal: Callable[[str], None]) -> None:
        self._around = around
        self._options = around.options
        self._console = around.console
        self._settings = settings.load(self._options.settings_file)
        self._host_json = host_json.load(self._options.app, self._settings.values)
        self._strict = Strict(self._console, enabled=self._options.strict)
        self._triggers: list[Trigger] = []
        self._names: dict[str, str] = {}
        self._namespaces = Namespaces()
        self.site = _site(around.address, self._settings, self._host_json)
        self.pool = Pool(self._pool_options(), self._console, on_fatal)
        self.pool.on_blocked = self._blocked

    async def prepare(self) -> Indexed:
        """Start the workers and make the functions; what could not be loaded stands in the answer."""
        self._report_files()
        indexed = await self.pool.start()
        if indexed.error:
            self.site.admin.error = indexed.error
        else:
            self._load(indexed)
        return indexed

    async def listen(self) -> None:
        """Begin to run functions."""
        for trigger in self._triggers:
            await trigger.start()

    async def stop_listening(self, seconds: float) -> None:
        """Begin nothing new, and give what runs so long to end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(trigger.stop() for trigger in self._triggers))
                await self.pool.drain(seconds)

    async def stop(self) -> None:
        """End the workers; what was still running has then failed, and its messages go back."""
        await self.pool.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                await asyncio.gather(*(trigger.stop() for trigger in self._triggers))
        await self._namespaces.close()

    def list_functions(self) -> None:
        """Show every function with its route or trigger."""
        loaded = self.site.admin.loaded.values()
        width = max((len(item.function.name) for item in loaded), default=0)
        self._console.say("\nFunctions:\n" if loaded else "\nThe app has no functions.")
        for item in loaded:
            name = item.function.name.ljust(width)
            off = " (disabled)" if item.function.name.lower() in self.site.admin.disabled else ""
            if item.trigger is not None:
                self._console.say(f"  {name}  {item.trigger.describe()}{off}")
            else:
                self._console.say(f"  {name}  in error: {item.function.error}", "red")

    def _load(self, indexed: Indexed) -> None:
        admin = self.site.admin
        services = self._services()
        wanted = self._host_json.functions
        functions = [
            function
            for function in index.read(indexed.functions)
            if wanted is None or function.name.lower() in wanted
        ]
        self._names = {function.id: function.name for function in functions}
        admin.disabled = frozenset(f.name.lower() for f in functions if self._is_disabled(f))
        for function in functions:
            self._load_one(function, services)
        self._report_traps(functions)

    def _load_one(self, function: Function, services: Services) -> None:
        function.retry = function.retry or self._host_json.retry
        off = function.name.lower() in self.site.admin.disabled
        if off:
            # It may be run by hand, so it is made; but no webhook and no clock leads to it.
            services = replace(services, webhooks={})
        loaded = index.load(function, services, self.pool)
        self.site.admin.loaded[function.name.lower()] = loaded
        if loaded.trigger is not None and not off:
            self._triggers.append(loaded.trigger)

    def _is_disabled(self, function: Function) -> bool:
        names = (f"AzureWebJobs.{function.name}.Disabled", f"AzureWebJobs_{function.name}_Disabled")
        return any(self._settings.flag(name) for name in names)

    def _services(self) -> Services:
        return Services(
            settings=self._settings,
            host_json=self._host_json,
            console=self._console,
            session=self._around.session,
            routes=self.site.routes,
            address=self._around.address,
            host_id=_host_id(self._options.app),
            azure_timing=self._options.azure_timing,
            body_limit=self.site.body_limit,
            webhooks=self.site.webhooks,
            namespaces=self._namespaces,
            strict=self._strict,
        )

    def _report_files(self) -> None:
        for key in self._host_json.unknown_keys:
            self._console.warn(f"host.json: nothing reads the key {key}; Azure ignores it silently")
        cors = self._settings.cors
        if cors.credentials and "*" in cors.origins:
            self._console.warn(
                'Host.CORS "*" and CORSCredentials do not go together: name the origins. Answers '
                "allow any origin, without credentials"
            )

    def _report_traps(self, functions: list[Function]) -> None:
        if not self._strict.enabled:
            return
        for name, detail in overlaps(self.site.routes):
            self._strict.note(Trap.ROUTES, name, detail)
        for function in functions:
            trigger = function.trigger
            if function.retry and trigger is not None and trigger.type.lower() in _QUEUES:
                self._strict.note(Trap.QUEUE_RETRY, function.name, "has a retry policy on a queue")

    def _blocked(self, function: str, what: str) -> None:
        self._strict.note(Trap.BLOCKING, self._names.get(function, function), what)

    def _pool_options(self) -> PoolOptions:
        # What Core Tools sets; an app may look at it.
        own = {
            "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
            "AzureWebJobsScriptRoot": str(self._options.app),
            "WEBSITE_HOSTNAME": self._around.address.partition("://")[2],
        }
        return PoolOptions(
            app=self._options.app,
            environment={**own, **self._settings.values},
            workers=self._options.workers or _workers(self._settings),
            function_timeout=self._host_json.function_timeout,
            azure_timing=self._options.azure_timing,
            strict=self._options.strict,
        )


def _workers(found: Settings) -> int:
    text = found.get("FUNCTIONS_WORKER_PROCESS_COUNT") or "1"
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_WORKERS:
        raise SettingsError(f"FUNCTIONS_WORKER_PROCESS_COUNT is between 1 and 10, not {text!r}")
    return int(text)


def _site(address: str, found: Settings, options: HostJson) -> Site:
    limit = found.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT") or str(BODY_LIMIT)
    if not limit.isdecimal():
        raise SettingsError(
            f"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT is a number of bytes, not {limit!r}"
        )
    return Site(
        routes=RouteTable(options.route_prefix),
        admin=Admin(address),
        homepage=not found.flag("AzureWebJobsDisableHomepage"),
        body_limit=int(limit),
        cors=policy(found.cors),
        throttle=throttle(options.http),
        headers=_custom_headers(options),
    )


def _custom_headers(options: HostJson) -> RawHeaders:
    try:
        return [(k.encode("ascii"), v.encode("latin-1")) for k, v in options.http.headers.items()]
    except UnicodeEncodeError as error:
        raise HostJsonError(f"extensions.http.customHeaders: {error}") from error


def _host_id(app: Path) -> str:
    """Name the host in storage: the same at every start, another for another app."""
    digest = hashlib.sha256(f"{os.uname().nodename}{app}".encode()).hexdigest()[:8]
    return f"{app.name.lower()[:20]}-{digest}"

"""The pages under `/admin`: ping, status, the list of functions, and running one by hand.

Invariant: everything but the ping and the warm-up needs the master key; the caller of this module checks.
"""

import asyncio
import json
import os
import time
from dataclasses import dataclass, field
from typing import Any

from emulators.functions_host.http.request import Request
from emulators.functions_host.http.response import Response
from emulators.functions_host.model import Function, InvocationError, Outcome, TriggerInput
from emulators.functions_host.triggers.base import Run, Trigger
from emulators.functions_host.triggers.warmup import WarmupTrigger

VERSION = "4.1038.0"
"""The version of the real host whose behaviour is copied."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A function with what makes it run, or without when it is in error."""

    function: Function
    trigger: Trigger | None = None
    run: Run | None = None


@dataclass(slots=True)
class Admin:
    """The state of the host, as its administrator may read it."""

    address: str = ""
    error: str = ""
    reload_error: str = ""
    """Why the newest version of the app could not take the place of the one that runs."""
    disabled: frozenset[str] = frozenset()
    """The names of functions that are switched off, in lower case."""
    loaded: dict[str, Loaded] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _tasks: set[asyncio.Task[Outcome]] = field(default_factory=set)

    async def answer(self, request: Request, body: bytes) -> Response:
        """Answer a request to `/admin/...`."""
        parts = request.path.strip("/").lower().split("/")[1:]
        match (request.method, parts):
            case ("GET", ["host", "status"]):
                return _json(self._status())
            case ("GET", ["functions"]):
                return _json([self._describe(item) for item in self.loaded.values()])
            case (method, ["functions", name]) if name in self.loaded:
                if method == "GET":
                    return _json(self._describe(self.loaded[name]))
                return (
                    await self._start(self.loaded[name], body)
                    if method == "POST"
                    else Response(404)
                )
            case ("GET", ["functions", name, "status"]) if name in self.loaded:
                return _json(_function_status(self.loaded[name]))
        return Response(404)

    async def warm_up(self) -> Response:
        """Run the warm-up functions, as the platform has it done on a new instance."""
        runs = [
            item.run(value)
            for item in self.loaded.values()
            if isinstance(item.trigger, WarmupTrigger) and item.run
            if (value := await item.trigger.manual("")) is not None
        ]
        outcomes = await asyncio.gather(*runs)
        return Response(200 if all(outcome.ok for outcome in outcomes) else 500)

    def _status(self) -> dict[str, Any]:
        errors = [error for error in (self.error, self.reload_error) if error]
        errors += [
            f"{item.function.name}: {item.function.error}"
            for item in self.loaded.values()
            if item.function.error
        ]
        return {
            "id": "local",
            "state": "Error" if self.error else "Running",
            "version": VERSION,
            "versionDetails": "Atrium's local Functions host",
            "platformVersion": "",
            "instanceId": "local",
            "computerName": os.uname().nodename,
            "processUptime": int((time.monotonic() - self._began) * 1000),
            **({"errors": errors} if errors else {}),
        }

    def _describe(self, item: Loaded) -> dict[str, Any]:
        function = item.function
        return {
            "name": function.name,
            "language": "python",
            "isDisabled": function.name.lower() in self.disabled,
            "href": f"{self.address}/admin/functions/{function.name}",
            "invoke_url_template": item.trigger.describe() if item.trigger else None,
            "config": {"name": function.name, "bindings": [b.raw for b in function.bindings]},
            **({"error": function.error} if function.error else {}),
        }

    async def _start(self, item: Loaded, body: bytes) -> Response:
        """Start a run and answer at once; how it ends is on the console."""
        if item.run is None:
            return _json({"error": item.function.error}, 400)
        try:
            text = json.loads(body or b"{}").get("input", "")
        except (ValueError, AttributeError):
            return _json({"error": 'the body must be {"input": ...}'}, 400)
        value = await _by_hand(item.trigger, text if isinstance(text, str) else json.dumps(text))
        if value is None:
            return _json({"error": "this trigger cannot be run by hand; call its route"}, 400)
        if isinstance(value, str):
            return _json({"error": value}, 400)
        task = asyncio.ensure_future(item.run(value))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Response(202)


def _function_status(item: Loaded) -> dict[str, Any]:
    error = item.function.error
    return {"errors": [error]} if error else {}


async def _by_hand(trigger: Trigger | None, text: str) -> TriggerInput | str | None:
    """Return what a run by hand starts from, or why there is nothing."""
    if trigger is None:
        # A trigger that this host does not know: its function gets the text as it is.
        return TriggerInput(("string", text))
    try:
        return await trigger.manual(text)
    except InvocationError as error:
        return str(error)


def _json(value: Any, status: int = 200) -> Response:
    return Response(
        status, json.dumps(value).encode(), [(b"content-type", b"application/json; charset=utf-8")]
    )

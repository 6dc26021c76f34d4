"""The Event Grid trigger: one webhook for all functions, one invocation for each event.

Invariant: the call is answered after every event of it has run; one that failed makes Event Grid send
the whole call again, as in Azure.
"""

import asyncio
import json
from typing import Any

from emulators.functions_host.http.request import Request
from emulators.functions_host.http.response import Response
from emulators.functions_host.model import InputError, Outcome, TriggerInput
from emulators.functions_host.services import Services
from emulators.functions_host.triggers.base import Run, Wiring
from emulators.functions_host.triggers.event_grid import delivery

EXTENSION = "eventgrid"


class EventGridTrigger:
    """One function that events run."""

    def __init__(self, wiring: Wiring, services: Services) -> None:
        name = wiring.function.name
        self._describe = f"eventGridTrigger /runtime/webhooks/{EXTENSION}?functionName={name}"
        webhook = services.webhooks.setdefault(EXTENSION, EventGridWebhook())
        if not isinstance(webhook, EventGridWebhook):
            raise TypeError(f"another webhook answers for {EXTENSION}")
        webhook.add(name, wiring.run)

    def describe(self) -> str:
        """Say the webhook's address."""
        return self._describe

    async def start(self) -> None:
        """Nothing: the webhook knows the function since it was made."""

    async def stop(self) -> None:
        """Nothing: the web server stops."""

    async def manual(self, text: str) -> TriggerInput | None:
        """Return a run with the text as an event's JSON."""
        try:
            event = json.loads(text)
        except ValueError as error:
            raise InputError(f"the input of an Event Grid trigger is an event: {error}") from error
        if not isinstance(event, dict):
            raise InputError("the input of an Event Grid trigger is an event: a JSON object")
        return trigger_input(event)


class EventGridWebhook:
    """All Event Grid functions of the app behind one address."""

    def __init__(self) -> None:
        self._functions: dict[str, Run] = {}

    def add(self, name: str, run: Run) -> None:
        """Add a function."""
        self._functions[name.lower()] = run

    async def handle(self, request: Request, body: bytes) -> Response:
        """Answer a call of Event Grid."""
        name = request.query.get("functionName", "")
        run = self._functions.get(name.lower())
        if run is None:
            return Response(404, f"cannot find function: '{name}'".encode())
        return await delivery.handle(request, body, lambda events: _run_all(run, events))


def trigger_input(event: dict[str, Any]) -> TriggerInput:
    """Return what an event's invocation gets; expressions may refer to its `data`."""
    metadata = {"data": ("json", json.dumps(event["data"]))} if "data" in event else {}
    return TriggerInput(("json", json.dumps(event)), metadata)


async def _run_all(run: Run, events: delivery.Events) -> Response:
    outcomes: list[Outcome] = await asyncio.gather(*(run(trigger_input(event)) for event in events))
    failed = next((outcome for outcome in outcomes if not outcome.ok), None)
    return Response(202) if failed is None else Response(500, failed.error.encode())

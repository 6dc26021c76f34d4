"""The `webPubSubContext` input: an HTTP request of the service, read and checked for the function.

For apps whose event handler is an HTTP function. Invariant: a request that is no event of the
service does not fail the invocation; the function gets the error, and the answer to give.
"""

import json
from typing import Any

from emulators.functions_host.clients.web_pubsub import DEFAULT_CONNECTION, Access
from emulators.functions_host.model import Binding, TriggerInput, Typed
from emulators.functions_host.services import Services
from emulators.functions_host.triggers.web_pubsub import event as events
from emulators.functions_host.triggers.web_pubsub.event import BadEventError
from emulators.functions_host.triggers.web_pubsub.webhook import Trust

_PREFLIGHT = {"OPTIONS", "GET"}


class WebPubSubContextInput:
    """Gives `{request, response, errorMessage, hasError, isPreflight}`."""

    def __init__(self, binding: Binding, services: Services) -> None:
        self._trust = Trust(tuple(accesses(binding, services)))

    async def read(self, trigger: TriggerInput) -> Typed:
        """Return the context as JSON."""
        kind, request = trigger.value
        context = self._of(request) if kind == "http" else _failed("HttpContext is null.", 400)
        return ("json", json.dumps(context, separators=(",", ":")))

    def _of(self, request: dict[str, Any]) -> dict[str, Any]:
        headers = request["headers"]
        given = headers.get("webhook-request-origin", "")
        if request["method"].upper() in _PREFLIGHT and given:
            return self._preflight([item.strip() for item in given.split(",")])
        try:
            event = events.parse(headers)
            if not self._trust.signed(event):
                return _failed("Invalid signature.", 401)
            events.read_body(event, headers.get("content-type", ""), request["body"][1])
        except BadEventError as error:
            return _failed(str(error), 400)
        return _context(event.as_request(), _response(200))

    def _preflight(self, origins: list[str]) -> dict[str, Any]:
        valid = self._trust.expects(origins)
        response = _response(200 if valid else 400)
        if valid:
            response["headers"] = {"WebHook-Allowed-Origin": ["*"]}
        return _context({"isValid": valid}, response, preflight=True)


def accesses(binding: Binding, services: Services) -> list[Access]:
    """Return whom to trust: `connections`, else `connection`, else the default if it is set."""
    names = binding.raw.get("connections") or binding.raw.get("connection")
    if isinstance(names, str):
        names = [names]
    if names:
        return [services.web_pubsub(str(name)) for name in names]
    default = services.settings.get(DEFAULT_CONNECTION)
    is_set = default or services.settings.group(DEFAULT_CONNECTION)
    return [services.web_pubsub(None)] if is_set else []


def _context(
    request: dict[str, Any] | None, response: dict[str, Any], *, preflight: bool = False
) -> dict[str, Any]:
    return {
        "request": request,
        "response": response,
        "errorMessage": None,
        "hasError": False,
        "isPreflight": preflight,
    }


def _failed(message: str, status: int) -> dict[str, Any]:
    context = _context(None, _response(status, message))
    return {**context, "errorMessage": message, "hasError": True}


def _response(status: int, body: str = "") -> dict[str, Any]:
    return {"body": body, "status": status, "headers": {}}

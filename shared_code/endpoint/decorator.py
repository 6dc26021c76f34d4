"""The decorator: registers the trigger and runs the handler between request and response.

Invariant: a trigger always returns an HttpResponse, and within a time that clients wait. An error that is
ours becomes its problem, a store that does not answer becomes a 503, and anything else is logged whole and
becomes a bare 500.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import azure.functions as func
from azure.core.exceptions import AzureError

from shared_code.actor import Actor
from shared_code.correlation import correlate
from shared_code.endpoint.client import client_of
from shared_code.endpoint.parameters import arguments
from shared_code.endpoint.responses import problem, respond
from shared_code.endpoint.route import Handler, Header, Method, Route, declare
from shared_code.errors import AtriumError, InternalError, NotConfigured, Unavailable
from shared_code.ids import new_id
from shared_code.storage import is_outage

_log = logging.getLogger("atrium.endpoint")
_security_log = logging.getLogger("atrium.security")
_REFUSALS = {401, 403, 429}
_DEFAULT_MAX_BODY = 64 * 1024
# The SDKs' retries on a store that accepts connections and is silent would take three times as long.
_ANSWER_SECONDS = 15.0


def endpoint(  # noqa: PLR0913 - each keyword is one property of a route
    blueprint: func.Blueprint,
    method: Method,
    path: str,
    *,
    status: int = 200,
    max_body: int = _DEFAULT_MAX_BODY,
    errors: tuple[type[AtriumError], ...] = (),
    headers: tuple[Header, ...] = (),
) -> Callable[[Handler], Handler]:
    """Register `handler` as the HTTP trigger of `method path` on `blueprint`.

    Args:
        blueprint: The service's blueprint.
        method: The HTTP method.
        path: The route without the prefix, such as `rooms/{room_id}`.
        status: The status of a good answer.
        max_body: The largest body in bytes; a larger one is a 413.
        errors: The errors beyond the general ones that the route may answer, for OpenAPI.
        headers: The headers that the handler reads from its `Client`, for OpenAPI.
    """

    def register(handler: Handler) -> Handler:
        route = declare(
            method,
            path,
            handler,
            status=status,
            max_body=max_body,
            errors=errors,
            headers=headers,
        )
        trigger = blueprint.route(route=path, methods=[method], auth_level=func.AuthLevel.ANONYMOUS)
        trigger(_trigger(route))
        return handler

    return register


def _trigger(route: Route) -> Callable[[func.HttpRequest], object]:
    async def trigger(req: func.HttpRequest) -> func.HttpResponse:
        return await run(route, req)

    # Azure names the function after the callable, and orders routes by that name.
    trigger.__name__ = trigger.__qualname__ = route.name
    trigger.__doc__ = route.handler.__doc__
    return trigger


async def run(route: Route, request: func.HttpRequest) -> func.HttpResponse:
    """Answer one request of the route."""
    request_id = new_id("req")
    correlate(request_id)
    given: dict[str, Any] = {}
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            given |= await arguments(route, request)
            answer = await route.handler(**given)
        return respond(answer, route.status, request_id)
    except AtriumError as error:
        if error.status in _REFUSALS:
            _note_refusal(route, request, request_id, error, given)
        if error.status >= InternalError.status:
            # Where it was raised tells nothing, what caused it may; and floods end here, in short lines.
            _log.warning("%s %s: %s", route.name, request_id, error, exc_info=error.__cause__)
        return problem(error, request_id)
    except Exception as error:  # noqa: BLE001 - a trigger must answer, whatever happened
        if isinstance(error, TimeoutError) or (isinstance(error, AzureError) and is_outage(error)):
            _log.warning("%s %s: a service did not answer", route.name, request_id, exc_info=error)
            return problem(Unavailable(), request_id)
        _log.exception("%s %s failed", route.name, request_id)
        return problem(InternalError(), request_id)


def _note_refusal(
    route: Route,
    request: func.HttpRequest,
    request_id: str,
    error: AtriumError,
    given: dict[str, Any],
) -> None:
    """Log who was refused what, and why (ASVS 16.3.1 to 16.3.3). Nothing here is a client's own word."""
    actor = given.get(route.actor) if route.actor else None
    user_id = actor.user_id if isinstance(actor, Actor) else "-"
    with suppress(NotConfigured):
        address = client_of(request.headers).address or "-"
        _security_log.info("%s %s %s %s %s", route.name, request_id, error.code, user_id, address)

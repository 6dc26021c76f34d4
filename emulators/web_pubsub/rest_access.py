"""The gate of the REST data plane: authorisation, api-version, and errors in the service's shape.

Invariant: no handler runs for a request without a genuine token for that very request, or for a
version that the service does not know; and nothing that goes wrong leaves as anything but JSON.
"""

import re

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from emulators.web_pubsub.audience import audience_covers
from emulators.web_pubsub.emulator import Emulator
from emulators.web_pubsub.fault_refusals import fail_on_request
from emulators.web_pubsub.handshake import bearer_of
from emulators.web_pubsub.names import is_hub_name
from emulators.web_pubsub.rest_errors import BadRequestError, RestError, UnauthorizedError
from emulators.web_pubsub.tokens import InvalidTokenError, audiences_of, read_token

PREFIX = "/api/hubs/"
API_VERSIONS = ("2021-10-01", "2022-11-01", "2023-07-01", "2024-01-01", "2024-12-01")
_SCOPE = re.compile(r"/api/hubs/[^/?]+", re.IGNORECASE)


def rest_gate(emulator: Emulator) -> Middleware:
    """Return the middleware that guards every path of the data plane."""

    @web.middleware
    async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.lower().startswith(PREFIX):
            return await handler(request)
        try:
            _authorise(request, emulator)
            _check_request(request)
            fail_on_request(emulator.faults, request)
            response = await handler(request)
        except RestError as error:
            response = error.response()
        except web.HTTPException as error:
            response = _as_rest_error(error).response()
        response.headers["api-supported-versions"] = ", ".join(API_VERSIONS)
        return response

    return gate


def _authorise(request: web.Request, emulator: Emulator) -> None:
    scope = _SCOPE.match(request.raw_path)
    if scope is None:
        raise UnauthorizedError
    try:
        claims = read_token(bearer_of(request) or "", emulator.keys, emulator.clock)
    except InvalidTokenError as error:
        raise UnauthorizedError from error
    hosts = {request.host, *emulator.authorities}
    if not audience_covers(audiences_of(claims), hosts, request.raw_path, scope=scope.group()):
        raise UnauthorizedError


def _check_request(request: web.Request) -> None:
    versions = request.query.getall("api-version", [])
    if len(versions) > 1 or not set(versions) <= set(API_VERSIONS):
        known = ", ".join(API_VERSIONS)
        raise BadRequestError(f"The api-version must be given at most once, and be one of {known}.")
    hub = request.match_info.get("hub")
    if hub is not None and not is_hub_name(hub):
        raise BadRequestError("The hub name is invalid.")


def _as_rest_error(error: web.HTTPException) -> RestError:
    codes = {404: "Error.NotFound", 405: "Error.MethodNotAllowed", 413: "Error.PayloadTooLarge"}
    return RestError(error.status, codes.get(error.status, "Error.BadRequest"), error.reason)

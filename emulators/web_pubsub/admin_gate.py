"""Who may use the page and the admin API, and what an error of theirs looks like.

They have no key: whoever can open a socket from this machine can read the settings file and stop
the process as well. What a key would have to stop are the web pages that the developer visits, which
can make his browser send requests here; those are told apart by what a browser cannot hide. So a
request passes if it comes from a loopback address, names a loopback host (a page elsewhere that
points its own name at this machine does not), has no foreign ``Origin``, and, if it changes
anything, has a JSON body, which a foreign page cannot send without asking first.

Invariant: nothing under ``/_emulator`` and not the page answers anybody else; errors are problems.
"""

import ipaddress
import json
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from emulators.web_pubsub.admin_input import AdminError
from emulators.web_pubsub.rest_input import UNREADABLE

PREFIX = "/_emulator"
PROBLEM = "application/problem+json"
_CHANGES = frozenset({"POST", "PUT", "PATCH"})


def admin_gate() -> Middleware:
    """Return the middleware that guards the page and the admin API."""

    @web.middleware
    async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not (request.path == "/" or request.path.startswith(PREFIX)):
            return await handler(request)
        try:
            _check(request)
            return await handler(request)
        except AdminError as error:
            return problem(error.status, str(error), error.field)
        except web.HTTPException as error:
            return problem(error.status, error.reason)

    return gate


async def read_json(request: web.Request) -> dict[str, Any]:
    """Return the object of the body."""
    try:
        # Not request.text(): it would decode by whatever charset the request names.
        value = json.loads((await request.read()).decode())
    except UNREADABLE as error:
        raise AdminError("the body", "cannot be read") from error
    except (ValueError, RecursionError) as error:
        raise AdminError("the body", "must be JSON") from error
    if not isinstance(value, dict):
        raise AdminError("the body", "must be a JSON object")
    return value


def problem(status: int, detail: str, field: str | None = None) -> web.Response:
    """Return an error in the shape of RFC 9457."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    body["detail"] = detail
    if field is not None:
        body["field"] = field
    return web.json_response(body, status=status, content_type=PROBLEM)


def _check(request: web.Request) -> None:
    if not _is_loopback(request.remote or ""):
        raise AdminError("the page and the admin API", "answer this machine only", 403)
    host = _host_name(request.host)
    if host != "localhost" and not _is_loopback(host):
        raise AdminError("Host", "must be localhost", 403)
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is not None and origin != f"http://{request.host}":
        raise AdminError("Origin", "must be the emulator's own", 403)
    if request.method in _CHANGES and request.content_type != "application/json":
        raise AdminError("Content-Type", "must be application/json", 415)


def _host_name(authority: str) -> str:
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:  # a bracket that is no IPv6 address, say
        return ""


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False

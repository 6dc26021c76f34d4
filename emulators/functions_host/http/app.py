"""The ASGI application: decides who answers a request, and checks the key first.

Order, as in Azure: CORS, `/admin`, `/runtime/webhooks`, functions, the home page. Invariant: nothing
but the ping is answered before the functions are loaded.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from emulators.functions_host.http.endpoint import Endpoint
from emulators.functions_host.http.request import (
    BodyTooLargeError,
    ClientGoneError,
    Receive,
    Request,
    Scope,
)
from emulators.functions_host.http.response import Response, wire_headers
from emulators.functions_host.http.site import Site
from emulators.functions_host.keys import HostKeys

type Send = Callable[[dict[str, Any]], Awaitable[None]]

_HTML = [(b"content-type", b"text/html; charset=utf-8")]
_TEXT = [(b"content-type", b"text/plain; charset=utf-8")]
_HOME = b"""<!DOCTYPE html><html lang="en"><head><title>Functions host</title></head><body>
<h1>Your Functions host is up and running</h1>
<p>This is Atrium's local host. Its functions are listed where it was started.</p></body></html>"""
_NOT_RUNNING = Response(503, b"Function host is not running.", _TEXT)
_PING = "/admin/host/ping"
# What the platform calls on a new instance. This host runs warm-up functions at its start unasked.
_WARMUP = "/admin/warmup"


class HttpApp:
    """The web server's face of the host; `site` is what it serves, once there is something."""

    def __init__(self, keys: HostKeys) -> None:
        self.site: Site | None = None
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        await self._serve(Request(scope, receive), send)

    async def _serve(self, request: Request, send: Send) -> None:
        site = self.site
        try:
            response = await (self._early(request) if site is None else self._answer(site, request))
        except BodyTooLargeError:
            await request.drain()
            response = Response(413, headers=[(b"connection", b"close")])
        except ClientGoneError:
            return
        headers = wire_headers(response)
        if site is not None:
            _add_headers(site, request, headers)
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _early(self, request: Request) -> Response:
        return Response(200) if _is_ping(request) else _NOT_RUNNING

    async def _answer(self, site: Site, request: Request) -> Response:
        if (cors := site.cors) is not None and "origin" in request.headers:
            preflight = cors.preflight(request.method, request.headers)
            if preflight is not None:
                return preflight
        area = request.path[1:].partition("/")[0].lower()
        if area == "admin":
            return await self._admin(site, request)
        if area == "runtime":
            return await self._webhook(site, request)
        found = site.routes.match(request.method, request.path)
        if found is not None:
            return await self._function(site, request, *found)
        return _home(site) if request.path == "/" else Response(404)

    async def _function(
        self, site: Site, request: Request, endpoint: Endpoint, values: dict[str, str]
    ) -> Response:
        if endpoint.level != "anonymous" and not self._may_call(endpoint, request):
            return Response(401)
        if endpoint.function.lower() in site.admin.disabled and not self._is_master(request):
            return Response(404)
        if site.throttle is not None:
            return await site.throttle.pass_through(lambda: endpoint.handle(request, values))
        return await endpoint.handle(request, values)

    def _may_call(self, endpoint: Endpoint, request: Request) -> bool:
        if endpoint.level == "admin":
            return self._is_master(request)
        key = request.key()
        return bool(key) and self._keys.opens_function(endpoint.function, key)

    def _is_master(self, request: Request) -> bool:
        return self._keys.opens_admin(request.key())

    async def _admin(self, site: Site, request: Request) -> Response:
        if _is_ping(request):
            return Response(200)
        if _is_warmup(request):
            return await site.admin.warm_up()
        if not self._is_master(request):
            return Response(401)
        return await site.admin.answer(request, await request.body(site.body_limit))

    async def _webhook(self, site: Site, request: Request) -> Response:
        parts = request.path.lower().strip("/").split("/")
        extension = parts[2] if len(parts) == 3 and parts[1] == "webhooks" else ""  # noqa: PLR2004 - runtime/webhooks/name
        webhook = site.webhooks.get(extension)
        if webhook is None:
            return Response(404)
        if not self._keys.opens_system(f"{extension}_extension", request.key()):
            return Response(401)
        return await webhook.handle(request, await request.body(site.body_limit))


def _is_ping(request: Request) -> bool:
    return request.path.lower().rstrip("/") == _PING


def _is_warmup(request: Request) -> bool:
    return request.path.lower().rstrip("/") == _WARMUP


def _home(site: Site) -> Response:
    return Response(200, _HOME, _HTML) if site.homepage else Response(204)


def _add_headers(site: Site, request: Request, headers: list[tuple[bytes, bytes]]) -> None:
    """Add what the host itself says on every answer."""
    if site.cors is not None and (origin := request.headers.get("origin")) is not None:
        given = {name.lower() for name, _ in headers}
        headers += [pair for pair in site.cors.headers(origin) if pair[0] not in given]
    if site.headers:
        given = {name.lower() for name, _ in headers}
        headers += [pair for pair in site.headers if pair[0] not in given]

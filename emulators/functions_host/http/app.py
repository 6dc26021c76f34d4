"""The ASGI application: decides who answers a request, and checks the key first.

Order, as in Azure: the home page, `/admin`, `/runtime/webhooks`, then functions. Invariant: nothing
but the ping is answered before the functions are loaded.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from emulators.functions_host.http.admin import Admin
from emulators.functions_host.http.endpoint import Endpoint
from emulators.functions_host.http.request import (
    BODY_LIMIT,
    BodyTooLargeError,
    ClientGoneError,
    Receive,
    Request,
    Scope,
)
from emulators.functions_host.http.response import Response, wire_headers
from emulators.functions_host.http.routes import RouteTable
from emulators.functions_host.http.webhooks import Webhook
from emulators.functions_host.keys import HostKeys

type Send = Callable[[dict[str, Any]], Awaitable[None]]

_HTML = [(b"content-type", b"text/html; charset=utf-8")]
_TEXT = [(b"content-type", b"text/plain; charset=utf-8")]
_HOME = b"""<!DOCTYPE html><html lang="en"><head><title>Functions host</title></head><body>
<h1>Your Functions host is up and running</h1>
<p>This is Atrium's local host. Its functions are listed where it was started.</p></body></html>"""


@dataclass(slots=True)
class HttpApp:
    """The web server's face of the host."""

    keys: HostKeys
    routes: RouteTable
    webhooks: dict[str, Webhook]
    admin: Admin
    homepage: bool = True
    body_limit: int = BODY_LIMIT
    ready: bool = False
    idle: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _in_flight: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """No request runs yet."""
        self.idle.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        self._in_flight += 1
        self.idle.clear()
        try:
            await self._serve(Request(scope, receive), send)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self.idle.set()

    async def _serve(self, request: Request, send: Send) -> None:
        try:
            response = await self._answer(request)
        except BodyTooLargeError:
            await request.drain()
            response = Response(413, headers=[(b"connection", b"close")])
        except ClientGoneError:
            return
        start = {"type": "http.response.start", "status": response.status}
        await send({**start, "headers": wire_headers(response)})
        await send({"type": "http.response.body", "body": response.body})

    async def _answer(self, request: Request) -> Response:
        if not self.ready:
            return Response(503, b"Function host is not running.", _TEXT)
        area = request.path[1:].partition("/")[0].lower()
        if area == "admin":
            return await self._admin(request)
        if area == "runtime":
            return await self._webhook(request)
        found = self.routes.match(request.method, request.path)
        if found is None:
            return self._home() if request.path == "/" else Response(404)
        endpoint, values = found
        if not self._may_call(endpoint, request):
            return Response(401)
        return await endpoint.handle(request, values)

    def _may_call(self, endpoint: Endpoint, request: Request) -> bool:
        if endpoint.level == "anonymous":
            return True
        if not (key := request.key()):
            return False
        if endpoint.level == "admin":
            return self.keys.opens_admin(key)
        return self.keys.opens_function(endpoint.function, key)

    def _home(self) -> Response:
        return Response(200, _HOME, _HTML) if self.homepage else Response(204)

    async def _admin(self, request: Request) -> Response:
        if request.path.lower().rstrip("/") == "/admin/host/ping":
            return Response(200)
        if not self.keys.opens_admin(request.key()):
            return Response(401)
        return await self.admin.answer(request, await request.body(self.body_limit))

    async def _webhook(self, request: Request) -> Response:
        parts = request.path.lower().strip("/").split("/")
        extension = parts[2] if len(parts) == 3 and parts[1] == "webhooks" else ""  # noqa: PLR2004 - runtime/webhooks/name
        webhook = self.webhooks.get(extension)
        if webhook is None:
            return Response(404)
        if not self.keys.opens_system(f"{extension}_extension", request.key()):
            return Response(401)
        return await webhook.handle(request, await request.body(self.body_limit))

"""The page at the root, its state, and the stream of its trace.

Invariant: the page loads nothing from anywhere else and runs no script but its own file; what
strangers sent reaches it as JSON only, and its script shows it as text only.
"""

import asyncio
import json
from functools import cache
from importlib.resources import files

from aiohttp import hdrs, web

from emulators.web_pubsub.admin_gate import PREFIX
from emulators.web_pubsub.admin_input import AdminError
from emulators.web_pubsub.emulator import Emulator
from emulators.web_pubsub.status import status_of
from emulators.web_pubsub.trace import MAX_WATCHERS, Watcher

HEARTBEAT_SECONDS = 2.0
_TYPES = {"index.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
_SAFETY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_STREAM: dict[str, str] = {hdrs.CONTENT_TYPE: "text/event-stream", hdrs.CACHE_CONTROL: "no-store"}


class PageOperations:
    """What a browser asks for."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[web.RouteDef]:
        """Return the paths of this part."""
        return [
            web.get("/", lambda _: _file("index.html")),
            web.get(f"{PREFIX}/page.css", lambda _: _file("page.css")),
            web.get(f"{PREFIX}/page.js", lambda _: _file("page.js")),
            web.get(f"{PREFIX}/status", self.status),
            web.get(f"{PREFIX}/trace", self.trace, allow_head=False),
        ]

    async def status(self, _: web.Request) -> web.Response:
        """Return what is going on."""
        return web.json_response(status_of(self._emulator), headers=_SAFETY)

    async def trace(self, request: web.Request) -> web.StreamResponse:
        """Stream the frames of one hub or all, until the reader leaves."""
        hub = request.query.get("hub")
        watcher = self._emulator.trace.watch(hub.lower() if hub else None)
        if watcher is None:
            raise AdminError("watchers", f"are {MAX_WATCHERS} at most", 503)
        response = web.StreamResponse(headers=_SAFETY | _STREAM)
        try:
            await response.prepare(request)
            await response.write(b": watching\n\n")
            while not watcher.closed:
                await response.write(await _chunk(watcher))
        except ConnectionError:
            pass  # the reader has left
        finally:
            self._emulator.trace.leave(watcher)
        return response


async def _file(name: str) -> web.Response:
    return web.Response(
        body=_content(name), content_type=_TYPES[name], charset="utf-8", headers=_SAFETY
    )


@cache
def _content(name: str) -> bytes:
    return files("emulators.web_pubsub").joinpath("page", name).read_bytes()


async def _chunk(watcher: Watcher) -> bytes:
    """Return what is new, or after a while a comment: only writing shows that the reader has left."""
    try:
        async with asyncio.timeout(HEARTBEAT_SECONDS):
            entries, lost = await watcher.next()
    except TimeoutError:
        return b":\n\n"
    lines = [f"data: {json.dumps(entry.as_json())}\n\n" for entry in entries]
    if lost:
        lines.append(f"event: lost\ndata: {lost}\n\n")
    return "".join(lines).encode() or b":\n\n"

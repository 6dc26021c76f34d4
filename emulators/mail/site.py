"""The page with the mails, and the same as JSON.

| | |
|---|---|
| `GET /api/mails?to=&after=` | what was caught, oldest first, without bodies |
| `GET /api/mails/{id}`, `…/html`, `…/raw` | one mail; its HTML as a page; its bytes |
| `DELETE /api/mails` | forget all |

Invariants: no other site that the developer's browser shows can read a mail, whatever name it gives this
machine; a mail's HTML runs no script and loads nothing.
"""

import ipaddress
import re
from functools import cache, partial
from importlib.resources import files
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from emulators.mail.mailbox import Caught, Mailbox

_MAILBOX = web.AppKey("mailbox", Mailbox)
_TYPES = {"index.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
_SAFETY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Links open a window of their own, which is not in the sandbox.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)


def build_app(mailbox: Mailbox) -> web.Application:
    """The site of a mailbox."""
    app = web.Application(middlewares=[_gate])
    app[_MAILBOX] = mailbox
    app.add_routes(
        [
            web.get("/", partial(_file, "index.html")),
            web.get("/page.css", partial(_file, "page.css")),
            web.get("/page.js", partial(_file, "page.js")),
            web.get("/api/mails", _list),
            web.delete("/api/mails", _clear),
            web.get("/api/mails/{id}", _whole),
            web.get("/api/mails/{id}/html", _html),
            web.get("/api/mails/{id}/raw", _raw),
        ]
    )
    return app


@web.middleware
async def _gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in who names this machine, and no page but our own."""
    origin = request.headers.get(hdrs.ORIGIN)
    if not _is_local(request.host) or origin not in {None, f"http://{request.host}"}:
        raise web.HTTPForbidden(text="Only this machine, by the name localhost\n")
    response = await handler(request)
    response.headers.update(_SAFETY)
    return response


def _is_local(authority: str) -> bool:
    try:
        host = urlsplit(f"//{authority}").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _list(request: web.Request) -> web.Response:
    after = request.query.get("after", "0")
    if not re.fullmatch(r"[0-9]{1,9}", after):
        raise web.HTTPBadRequest(text="after must be the id of a mail\n")
    mailbox = request.app[_MAILBOX]
    items = [mail.summary() for mail in mailbox.find(request.query.get("to"), int(after))]
    return web.json_response({"items": items, "last_id": mailbox.last_id})


async def _clear(request: web.Request) -> web.Response:
    request.app[_MAILBOX].clear()
    return web.Response(status=204)


async def _whole(request: web.Request) -> web.Response:
    return web.json_response(_found(request).whole())


async def _html(request: web.Request) -> web.Response:
    html = _found(request).part("html")
    body = _HEAD.sub(lambda head: f'{head[0]}<base target="_blank">', html, count=1)
    policy = {"Content-Security-Policy": _MAIL_POLICY}
    return web.Response(text=body, content_type="text/html", headers=policy)


async def _raw(request: web.Request) -> web.Response:
    return web.Response(body=_found(request).raw, content_type="text/plain")


def _found(request: web.Request) -> Caught:
    number = request.match_info["id"]
    mail = request.app[_MAILBOX].get(int(number)) if re.fullmatch(r"[0-9]{1,9}", number) else None
    if mail is None:
        raise web.HTTPNotFound(text="There is no such mail\n")
    return mail


async def _file(name: str, _: web.Request) -> web.Response:
    policy = {"Content-Security-Policy": _PAGE_POLICY}
    return web.Response(
        body=_content(name), content_type=_TYPES[name], charset="utf-8", headers=policy
    )


@cache
def _content(name: str) -> bytes:
    return files("emulators.mail").joinpath("page", name).read_bytes()

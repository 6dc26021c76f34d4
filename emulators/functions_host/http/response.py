"""An answer as the host writes it, and how it is made from what a function returned.

Invariant: whatever goes wrong on the way from a function to the wire is a 500 without a body; no
detail of the app ever reaches a caller.
"""

from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import quote

from emulators.functions_host.fidelity import plain_http_answer
from emulators.functions_host.model import Outcome, Typed

type RawHeaders = list[tuple[bytes, bytes]]

_NO_BODY = {204, 205, 304}
_OWN_HEADERS = {"content-length", "transfer-encoding", "connection", "date"}
_LOWEST, _HIGHEST = 200, 599


@dataclass(slots=True)
class Response:
    """Status, headers and body."""

    status: int
    body: bytes = b""
    headers: RawHeaders = field(default_factory=list)


def from_outcome(outcome: Outcome, value: Typed | None) -> Response:
    """Build the answer to a request from how its invocation ended and what it returned."""
    if not outcome.ok:
        return Response(500)
    if value is None:
        # The function succeeded and never set its HTTP output; ASP.NET's answer is then as it began.
        return Response(200)
    try:
        kind, content = value
        if kind == "http":
            return _from_http(content)
        text = content if isinstance(content, str) else str(content)
        status, headers, body = plain_http_answer(text)
        return Response(status, body, _encode(headers))
    except ValueError:
        return Response(500)


def _from_http(content: dict[str, Any]) -> Response:
    status = int(content["status"])
    if not _LOWEST <= status <= _HIGHEST:
        raise ValueError(f"no such status: {status}")
    headers = _encode(content["headers"])
    if content["cookies"]:
        headers += [(b"set-cookie", render_cookie(c).encode("latin-1")) for c in content["cookies"]]
    return Response(status, content["body"], headers)


def _encode(headers: dict[str, str]) -> RawHeaders:
    """Encode header names and values; a line break would let a value forge headers."""
    encoded = []
    for name, value in headers.items():
        if "\n" in value or "\r" in value:
            raise ValueError(f"the header {name!r} holds a line break")
        if name.lower() not in _OWN_HEADERS:
            encoded.append((name.encode("ascii"), value.encode("latin-1")))
    return encoded


def render_cookie(cookie: dict[str, Any]) -> str:
    """Write a cookie as ASP.NET does: attributes in its order and lower case."""
    parts = [f"{cookie['name']}={quote(cookie['value'], safe='~')}"]
    if cookie["expires"] is not None:
        parts.append(f"expires={formatdate(cookie['expires'], usegmt=True)}")
    if cookie["max_age"] is not None:
        parts.append(f"max-age={int(cookie['max_age'])}")
    parts += [f"{key}={cookie[key]}" for key in ("domain", "path") if cookie[key] is not None]
    if cookie["secure"]:
        parts.append("secure")
    if cookie["same_site"] is not None:
        parts.append(f"samesite={cookie['same_site']}")
    if cookie["http_only"]:
        parts.append("httponly")
    return "; ".join(parts)


def wire_headers(response: Response) -> RawHeaders:
    """Return the headers to send, a list of its own, with the length that fits the status."""
    headers = response.headers.copy()
    if response.status not in _NO_BODY:
        headers.append((b"content-length", b"%d" % len(response.body)))
    return headers

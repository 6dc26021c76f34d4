"""A request as the host reads it, and as Python functions see it.

Invariant: headers are lower-cased and repeats joined by commas; the last entry of X-Forwarded-For is the
peer, whatever he sent; query parameters without a value do not exist; a body is always bytes.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from emulators.functions_host.http.paths import decode_path
from emulators.functions_host.model import Typed

type Scope = dict[str, Any]
type Receive = Callable[[], Awaitable[dict[str, Any]]]

BODY_LIMIT = 104_857_600
"""ScriptConstants.cs; the setting FUNCTIONS_REQUEST_BODY_SIZE_LIMIT changes it."""

_DRAIN_SECONDS = 5.0


class BodyTooLargeError(Exception):
    """The body exceeds the limit."""


class ClientGoneError(Exception):
    """The client closed the connection before its body was complete."""


class Request:
    """One HTTP request."""

    __slots__ = ("_query", "_receive", "_scope", "headers", "method", "path")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        self._query: dict[str, str] | None = None
        self.method: str = scope["method"]
        self.path = decode_path(scope["raw_path"])
        self.headers = _join_headers(scope["headers"])
        if peer := scope.get("client"):
            _add_peer(self.headers, *peer)

    @property
    def query(self) -> dict[str, str]:
        """The query parameters; a repeated one is joined by commas under its first spelling."""
        if self._query is None:
            text = self._scope["query_string"]
            self._query = _join_query(text.decode("latin-1")) if text else {}
        return self._query

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes without its length."""
        return "content-length" not in self.headers and "transfer-encoding" in self.headers

    @property
    def url(self) -> str:
        """The full address, still escaped."""
        scope = self._scope
        host = self.headers.get("host") or "{}:{}".format(*scope["server"])
        query = scope["query_string"].decode("latin-1")
        path = scope["raw_path"].decode("latin-1")
        return f"{scope['scheme']}://{host}{path}" + (f"?{query}" if query else "")

    def key(self) -> str:
        """Return the access key that the caller gave, in the header or else in the query."""
        return self.headers.get("x-functions-key") or self.query.get("code") or ""

    async def body(self, limit: int = BODY_LIMIT) -> bytes:
        """Read the whole body.

        Raises:
            BodyTooLargeError: as soon as it is known to exceed the limit.
            ClientGoneError: if the client goes away first.
        """
        length = self.headers.get("content-length")
        if length is None and "transfer-encoding" not in self.headers:
            return b""
        if length is not None and int(length) > limit:
            raise BodyTooLargeError
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                raise ClientGoneError
            parts.append(event.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                raise BodyTooLargeError
            more = event.get("more_body", False)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def drain(self) -> None:
        """Read and drop the rest of a body, for a while: a caller still sending reads no answer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                event = await self._receive()
                while event["type"] != "http.disconnect" and event.get("more_body"):
                    event = await self._receive()

    def typed(self, values: dict[str, str], body: bytes) -> Typed:
        """Return the value that a Python function gets as its HttpRequest."""
        return (
            "http",
            {
                "method": self.method,
                "url": self.url,
                "headers": self.headers,
                "params": values,
                "query": self.query,
                "body": ("bytes", body),
            },
        )


def _join_headers(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _add_peer(headers: dict[str, str], host: str, port: int) -> None:
    """Append the peer to X-Forwarded-For as Azure's front end does, which stands before every app."""
    peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    sent = headers.get("x-forwarded-for")
    headers["x-forwarded-for"] = f"{sent}, {peer}" if sent else peer


def _join_query(text: str) -> dict[str, str]:
    query: dict[str, str] = {}
    spelled: dict[str, str] = {}
    for name, value in parse_qsl(text):
        first = spelled.setdefault(name.lower(), name)
        query[first] = f"{query[first]},{value}" if first in query else value
    return query

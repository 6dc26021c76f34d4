"""What a connect handler is told about a client.

Invariant: the client's credentials never leave the service.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from emulators.web_pubsub.handshake import Handshake
from emulators.web_pubsub.tokens import Claims


def connect_request_body(request: web.Request, handshake: Handshake) -> Mapping[str, Any]:
    """Return the body of the connect event."""
    return {
        "claims": _claims(handshake.claims),
        "query": _arrays(request.query.items(), without="access_token"),
        "headers": _arrays(request.headers.items(), without="authorization"),
        "subprotocols": list(handshake.offered),
        "clientCertificates": [],
    }


def _claims(claims: Claims) -> dict[str, list[str]]:
    return {name: [_text(item) for item in _listed(value)] for name, value in claims.items()}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _arrays(pairs: Iterable[tuple[str, str]], *, without: str) -> dict[str, list[str]]:
    arrays: dict[str, list[str]] = {}
    for name, value in pairs:
        if name.lower() != without:
            arrays.setdefault(name, []).append(value)
    return arrays

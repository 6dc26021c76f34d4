"""How Event Grid speaks to a webhook: it asks whether it may, then it delivers.

Both schemas have a handshake: Event Grid's own sends a code that has to come back; CloudEvents asks
with OPTIONS. Invariant: events reach the caller's function only after the call was understood.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from emulators.functions_host.http.request import Request
from emulators.functions_host.http.response import Response

type Events = list[dict[str, Any]]

_JSON = [(b"content-type", b"application/json; charset=utf-8")]
_CLOUD_EVENTS = "application/cloudevents"


async def handle(
    request: Request, body: bytes, run: Callable[[Events], Awaitable[Response]]
) -> Response:
    """Answer a call: a handshake here, a delivery by `run`."""
    if request.method == "OPTIONS":
        return _allow(request)
    kind = request.headers.get("aeg-event-type", "").lower()
    try:
        if kind == "subscriptionvalidation":
            return _validate(json.loads(body))
        if kind == "notification" or _is_cloud_event(request, kind):
            return await run(_events(json.loads(body)))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return Response(400, f"not what Event Grid sends: {error!r}".encode())
    return Response(202 if kind == "unsubscribe" else 400)


def _is_cloud_event(request: Request, kind: str) -> bool:
    content_type = request.headers.get("content-type", "").lower()
    return not kind and content_type.startswith(_CLOUD_EVENTS)


def _allow(request: Request) -> Response:
    """Answer CloudEvents' question whether its sender may send here."""
    origin = request.headers.get("webhook-request-origin")
    if origin is None:
        return Response(400)
    headers = [(b"webhook-allowed-origin", origin.encode("latin-1"))]
    return Response(200, headers=[*headers, (b"webhook-allowed-rate", b"*")])


def _validate(document: Any) -> Response:
    """Send the code back that Event Grid sent; CloudEvents encodes the data twice."""
    event = document[0] if isinstance(document, list) else document
    data = event["data"]
    if isinstance(data, str):
        data = json.loads(data)
    answer = {"validationResponse": data["validationCode"]}
    return Response(200, json.dumps(answer).encode(), _JSON)


def _events(document: Any) -> Events:
    events = document if isinstance(document, list) else [document]
    if not all(isinstance(event, dict) for event in events):
        raise TypeError("an event is a JSON object")
    return events

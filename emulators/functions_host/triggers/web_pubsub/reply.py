"""What a function returns to an event, as the service is answered.

Invariant: only a JSON object is a reply. A string, which is what `json.dumps` gives, is dropped by
the real extension, so it is dropped here, with a warning.
"""

import json
from typing import Any

from emulators.functions_host.console import Console
from emulators.functions_host.http.response import RawHeaders, Response
from emulators.functions_host.model import Typed
from emulators.functions_host.triggers.web_pubsub.event import Event, encode_states

_ERRORS = {"unauthorized": 401, "usererror": 400, "servererror": 500}
_CONTENT_TYPES = {
    "text": b"text/plain; charset=utf-8",
    "json": b"application/json; charset=utf-8",
    "binary": b"application/octet-stream",
}
_CONNECT_FIELDS = ("userId", "groups", "roles", "subprotocol")


def build(event: Event, returned: Typed | None, console: Console) -> Response:
    """Build the answer to an event that wants one."""
    if returned is None:
        return Response(200)
    reply = _object(returned)
    if reply is None:
        console.warn(
            f"{event.event_name}: the reply is a {returned[0]}, not a dict; it is dropped. Return "
            "a dict (not json.dumps of one)"
        )
        return Response(200)
    if (code := reply.get("code")) is not None and str(code).lower() != "success":
        status = _ERRORS.get(str(code).lower(), 500)
        message = str(reply.get("errormessage") or "")
        return Response(status, message.encode(), [(b"content-type", _CONTENT_TYPES["text"])])
    headers = _state_headers(event, reply.get("states"))
    return _connect(reply, headers) if event.event_type == "System" else _user(reply, headers)


def _object(returned: Typed) -> dict[str, Any] | None:
    """Return the reply's members under lower-cased names."""
    kind, content = returned
    if kind != "json":
        return None
    value = json.loads(content)
    return {str(k).lower(): v for k, v in value.items()} if isinstance(value, dict) else None


def _connect(reply: dict[str, Any], headers: RawHeaders) -> Response:
    fields = {name: reply.get(name.lower()) for name in _CONNECT_FIELDS}
    body = json.dumps({name: value for name, value in fields.items() if value is not None})
    return Response(200, body.encode(), [(b"content-type", _CONTENT_TYPES["json"]), *headers])


def _user(reply: dict[str, Any], headers: RawHeaders) -> Response:
    data = reply.get("data")
    if data is None:
        return Response(200, headers=headers)
    data_type = str(reply.get("datatype") or "binary").lower()
    body = data if isinstance(data, str) else json.dumps(data)
    content_type = _CONTENT_TYPES.get(data_type, _CONTENT_TYPES["binary"])
    return Response(200, body.encode(), [(b"content-type", content_type), *headers])


def _state_headers(event: Event, new: Any) -> RawHeaders:
    """States are merged over the connection's own; nothing new leaves them as they are."""
    if not isinstance(new, dict):
        return []
    merged = {**event.states, **new}
    return [(b"ce-connectionState", encode_states(merged).encode())] if merged else []

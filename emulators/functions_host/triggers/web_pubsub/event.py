"""An upstream event: how it stands in a webhook call, and which part of it a parameter gets.

Invariant: what is not a complete CloudEvent of the service is refused before anything is looked up.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emulators.functions_host.model import Typed

_SYSTEM_PREFIX = "azure.webpubsub.sys."
_DATA_TYPES = {
    "text/plain": "Text",
    "application/json": "Json",
    "application/octet-stream": "Binary",
}
_REQUIRED = ("ce-connectionid", "ce-hub", "ce-type", "ce-eventname", "webhook-request-origin")


class BadEventError(Exception):
    """The call is no event that the extension accepts."""


@dataclass(slots=True)
class Event:
    """One event, with the body already read by its kind."""

    hub: str
    event_type: str
    event_name: str
    connection_id: str
    user_id: str | None
    signature: str
    origin: str
    states: dict[str, Any]
    headers: dict[str, list[str]]
    data: bytes | None = None
    data_type: str = "Text"
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str]:
        """What functions are found by."""
        return self.hub.lower(), self.event_type.lower(), self.event_name.lower()

    @property
    def wants_reply(self) -> bool:
        """Whether the service waits for what the function returns."""
        return self.event_type == "User" or self.event_name.lower() == "connect"

    def argument(self, name: str, *, binary: bool) -> Typed:
        """Return the value for a parameter of that name; the extension chooses by name alone."""
        if name.lower() == "data" and self.data is not None:
            if binary:
                return ("bytes", self.data)
            return ("string", self.data.decode(errors="replace"))
        value = self._values().get(name.lower())
        if value is None:
            return ("none", None)
        text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        return ("bytes", text.encode()) if binary else ("string", text)

    def _values(self) -> dict[str, Any]:
        return {
            "request": self.as_request(),
            "connectioncontext": self.context(),
            "datatype": self.data_type if self.data is not None else None,
            "claims": self.body.get("claims"),
            "query": self.body.get("query"),
            "subprotocols": self.body.get("subprotocols"),
            "clientcertificates": self.body.get("clientCertificates"),
            "reason": self.body.get("reason"),
        }

    def as_request(self) -> dict[str, Any]:
        """Return the whole event, as the value `request` gives it."""
        own: dict[str, Any] = {"connectionContext": self.context()}
        if self.event_type == "User":
            assert self.data is not None  # noqa: S101 - `parse` reads it for every user event
            return {
                **own,
                "data": _json_data(self.data, self.data_type),
                "dataType": self.data_type,
            }
        if self.event_name.lower() == "connect":
            names = ("claims", "query", "headers", "subprotocols", "clientCertificates")
            return {**own, **{name: self.body.get(name) for name in names}}
        if self.event_name.lower() == "disconnected":
            return {**own, "reason": self.body.get("reason")}
        return own

    def context(self) -> dict[str, Any]:
        """Return the event's connection, as the value `connectionContext` gives it."""
        return {
            "eventType": self.event_type,
            "eventName": self.event_name,
            "hub": self.hub,
            "connectionId": self.connection_id,
            "userId": self.user_id,
            "signature": self.signature,
            "origin": self.origin,
            "states": self.states,
            "headers": self.headers,
        }


def parse(headers: Mapping[str, str]) -> Event:
    """Read the headers of a call, their names in small letters.

    Raises:
        BadEventError: if one that every event has is missing.
    """
    if missing := [name for name in _REQUIRED if name not in headers]:
        raise BadEventError(f"missing headers: {', '.join(missing)}")
    system = headers["ce-type"].lower().startswith(_SYSTEM_PREFIX)
    return Event(
        hub=headers["ce-hub"],
        event_type="System" if system else "User",
        event_name=headers["ce-eventname"],
        connection_id=headers["ce-connectionid"],
        user_id=headers.get("ce-userid"),
        signature=headers.get("ce-signature", ""),
        origin=headers["webhook-request-origin"],
        states=_decode_states(headers.get("ce-connectionstate")),
        headers={name: [value] for name, value in headers.items()},
    )


def read_body(event: Event, content_type: str, body: bytes) -> None:
    """Read the body into the event, by its kind.

    Raises:
        BadEventError: if a user event's content type is none of the three, or the JSON is broken.
    """
    if event.event_type == "User":
        media = content_type.partition(";")[0].strip().lower()
        if media not in _DATA_TYPES:
            raise BadEventError(
                f"Message only supports text, binary, json. Current value is: {media}"
            )
        event.data, event.data_type = body, _DATA_TYPES[media]
    elif event.event_name.lower() in {"connect", "disconnected"}:
        try:
            content = json.loads(body or b"{}")
        except ValueError as error:
            raise BadEventError("the body is not JSON") from error
        event.body = content if isinstance(content, dict) else {}


def encode_states(states: dict[str, Any]) -> str:
    """Return states as they travel in `ce-connectionState`."""
    return base64.b64encode(json.dumps(states).encode()).decode()


def _decode_states(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    try:
        states = json.loads(base64.b64decode(text))
    except (ValueError, binascii.Error) as error:
        raise BadEventError("ce-connectionState is not base64 of JSON") from error
    return states if isinstance(states, dict) else {}


def _json_data(data: bytes, data_type: str) -> Any:
    """`data` inside `request`: a string, or for binary what Node calls a Buffer."""
    if data_type == "Binary":
        return {"type": "Buffer", "data": list(data)}
    return data.decode(errors="replace")

"""The Web PubSub output: actions, each a REST call, in the order they stand.

Invariant: the actions of one output are sent one after another, so that a removal from a group is
done before a later message to it. An action that the extension refuses fails the invocation; what
stood before it is sent already, as in Azure.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from emulators.functions_host import fidelity
from emulators.functions_host.clients.web_pubsub import WebPubSubClient
from emulators.functions_host.model import (
    Binding,
    OutputError,
    TriggerInput,
    Typed,
)
from emulators.functions_host.services import Services

_CONTENT_TYPES = {
    "text": "text/plain; charset=utf-8",
    "json": "application/json; charset=utf-8",
    "binary": "application/octet-stream",
}


class RestCall(NamedTuple):
    """One REST call."""

    method: str
    path: str
    body: bytes = b""
    content_type: str | None = None


type Action = dict[str, Any]


class WebPubSubOutput:
    """Sends actions to one hub."""

    def __init__(self, binding: Binding, services: Services) -> None:
        self._access = services.web_pubsub(binding.text("connection"))
        self._session = services.session
        self._hub = services.template(binding, "hub")

    async def write(self, value: Typed, trigger: TriggerInput) -> None:
        """Send each action of the value."""
        client = WebPubSubClient(self._session, self._access, self._hub.fill(trigger))
        kind, content = value
        if kind == "bytes":
            value = ("string", content.decode(errors="replace"))
        for item in fidelity.split_output(value):
            await client.send(*to_call(item))


def to_call(item: Any) -> RestCall:
    """Turn an action into its REST call.

    Raises:
        OutputError: if it is no action, or lacks what the action needs.
    """
    if not isinstance(item, dict):
        raise OutputError(f"an action is an object with actionName, not {json.dumps(item)[:80]}")
    action = {str(name).lower(): member for name, member in item.items()}
    name = str(action.get("actionname") or "")
    make = _ACTIONS.get(name.lower())
    if make is None:
        raise OutputError(f"unknown actionName {name!r}")
    return make(action)


def _sending(path: Callable[[Action], str]) -> Callable[[Action], RestCall]:
    def make(action: Action) -> RestCall:
        data_type = str(action.get("datatype") or "binary").lower()
        if data_type not in _CONTENT_TYPES:
            raise OutputError(f"dataType is text, json or binary, not {data_type!r}")
        query = _query(action, "excluded", "filter")
        body = _data(action.get("data"), data_type)
        return RestCall("POST", f"{path(action)}:send{query}", body, _CONTENT_TYPES[data_type])

    return make


def _plain(method: str, path: Callable[[Action], str], *query: str) -> Callable[[Action], RestCall]:
    return lambda action: RestCall(method, path(action) + _query(action, *query))


def _data(value: Any, data_type: str) -> bytes:
    """`data` is a string, or for binary what Node calls a Buffer; the extension takes no other."""
    if isinstance(value, str):
        return value.encode()
    if data_type == "binary" and isinstance(value, dict) and value.get("type") == "Buffer":
        try:
            return bytes(value["data"])
        except (KeyError, TypeError, ValueError) as error:
            raise OutputError("the data of a Buffer is a list of bytes") from error
    raise OutputError("data must be a string; give an object as json.dumps(...) and dataType json")


def _query(action: Action, *names: str) -> str:
    pairs = []
    for name in names:
        given = action.get(name.lower())
        values = given if isinstance(given, list) else [given]
        pairs += [f"{name}={quote(str(item), safe='')}" for item in values if item is not None]
    return "?" + "&".join(pairs) if pairs else ""


def _member(name: str) -> Callable[[Action], str]:
    def read(action: Action) -> str:
        value = action.get(name.lower())
        if not isinstance(value, str) or not value:
            raise OutputError(f"the action {action.get('actionname')} needs {name!r}")
        return quote(value, safe="")

    return read


_group, _user = _member("group"), _member("userId")
_connection, _permission = _member("connectionId"), _member("permission")


def _in_group(kind: str, member: Callable[[Action], str]) -> Callable[[Action], str]:
    if kind == "users":
        return lambda action: f"users/{member(action)}/groups/{_group(action)}"
    return lambda action: f"groups/{_group(action)}/connections/{member(action)}"


def _permission_path(action: Action) -> str:
    """The permission's first letter is small on the wire, whatever the enumeration's spelling."""
    name = _permission(action)
    return f"permissions/{name[:1].lower()}{name[1:]}/connections/{_connection(action)}"


_ACTIONS: dict[str, Callable[[Action], RestCall]] = {
    "sendtoall": _sending(lambda _: ""),
    "sendtoconnection": _sending(lambda action: f"connections/{_connection(action)}/"),
    "sendtouser": _sending(lambda action: f"users/{_user(action)}/"),
    "sendtogroup": _sending(lambda action: f"groups/{_group(action)}/"),
    "addusertogroup": _plain("PUT", _in_group("users", _user)),
    "removeuserfromgroup": _plain("DELETE", _in_group("users", _user)),
    "removeuserfromallgroups": _plain("DELETE", lambda action: f"users/{_user(action)}/groups"),
    "addconnectiontogroup": _plain("PUT", _in_group("connections", _connection)),
    "removeconnectionfromgroup": _plain("DELETE", _in_group("connections", _connection)),
    "closeallconnections": _plain("POST", lambda _: ":closeConnections", "excluded", "reason"),
    "closeclientconnection": _plain("DELETE", lambda a: f"connections/{_connection(a)}", "reason"),
    "closegroupconnections": _plain(
        "POST", lambda action: f"groups/{_group(action)}/:closeConnections", "excluded", "reason"
    ),
    "grantpermission": _plain("PUT", _permission_path, "targetName"),
    "revokepermission": _plain("DELETE", _permission_path, "targetName"),
}

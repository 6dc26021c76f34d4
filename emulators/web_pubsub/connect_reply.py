"""What a connect handler may change about a connection.

Invariant: an answer that was read holds valid names only; None means "as the token says".
"""

from dataclasses import dataclass
from typing import Any

from emulators.web_pubsub.messages import load_json
from emulators.web_pubsub.names import is_group_name, is_header_value


class InvalidReplyError(Exception):
    """The connect handler said yes, but not in words that can be used."""


@dataclass(frozen=True, slots=True)
class ConnectReply:
    """The handler's wishes."""

    user_id: str | None = None
    groups: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    subprotocol: str | None = None


def read_connect_reply(body: bytes) -> ConnectReply:
    """Return the wishes of a reply body, which may be empty."""
    if not body.strip():
        return ConnectReply()
    try:
        reply = load_json(body.decode())
    except ValueError as error:
        raise InvalidReplyError("the answer is not JSON") from error
    if not isinstance(reply, dict):
        raise InvalidReplyError("the answer is not an object")
    return ConnectReply(
        user_id=_string(reply, "userId"),
        groups=_groups(reply),
        roles=_strings(reply, "roles"),
        subprotocol=_string(reply, "subprotocol"),
    )


def _string(reply: dict[str, Any], name: str) -> str | None:
    value = reply.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not is_header_value(value):
        raise InvalidReplyError(f"{name} must be a string without control characters")
    return value


def _strings(reply: dict[str, Any], name: str) -> tuple[str, ...] | None:
    value = reply.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidReplyError(f"{name} must be an array of strings")
    return tuple(value)


def _groups(reply: dict[str, Any]) -> tuple[str, ...] | None:
    groups = _strings(reply, "groups")
    if groups and not all(is_group_name(group) for group in groups):
        raise InvalidReplyError("groups names an invalid group")
    return groups or None  # only a list with something in it replaces the token's

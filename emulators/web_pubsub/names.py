"""Which names the service accepts for hubs, events, groups and users.

Invariant: a name that passed here is safe as a dictionary key, in JSON, in a URL and in a header.
"""

import re

MAX_GROUP_NAME = 1024
_HUB = re.compile(r"[A-Za-z][A-Za-z0-9_`,.\[\]]{0,127}")
_EVENT = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]{0,127}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def is_hub_name(name: str) -> bool:
    """Return whether a hub may be called so."""
    return _HUB.fullmatch(name) is not None


def is_event_name(name: str) -> bool:
    """Return whether a client may raise an event of this name."""
    return _EVENT.fullmatch(name) is not None


def is_group_name(name: str) -> bool:
    """Return whether a group may be called so."""
    return 0 < len(name) <= MAX_GROUP_NAME and not name.isspace() and is_text(name)


def is_header_value(value: str) -> bool:
    """Return whether a value (a user id, metadata) can travel in a CloudEvents header."""
    return _CONTROL.search(value) is None and is_text(value)


def is_text(value: str) -> bool:
    """Return whether a string can be written as UTF-8 (JSON can smuggle in half characters)."""
    return _SURROGATE.search(value) is None

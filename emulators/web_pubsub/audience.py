"""Whether a token was made for the place where it is shown.

Invariant: case, scheme and the query string do not matter; another host, another path or half a
path segment is never forgiven.
"""

from collections.abc import Iterable
from urllib.parse import SplitResult, unquote, urlsplit

_SCHEMES = frozenset({"http", "https", "ws", "wss"})
_DEFAULT_PORTS = {"http": ":80", "ws": ":80", "https": ":443", "wss": ":443"}


def audience_covers(
    audiences: Iterable[str], authorities: Iterable[str], target: str, *, scope: str
) -> bool:
    """Return whether one audience names the target or a path above it, no wider than the scope."""
    hosts = {authority.lower() for authority in authorities}
    targets = {target.lower(), unquote(target).lower()}
    return any(_covers(audience, hosts, targets, scope.lower()) for audience in audiences)


def _covers(audience: str, hosts: set[str], targets: set[str], scope: str) -> bool:
    parts = _split(audience)
    if parts is None or not hosts & _authorities(parts):
        return False
    # The SDKs sign `%3A` for a colon in a group's name, and their transport then sends the colon.
    paths = {parts.path, unquote(parts.path)}
    scopes = {scope, unquote(scope)}
    within = [each for each in paths if any(_at_boundary(inner, each) for inner in scopes)]
    return any(_at_boundary(each, target) for each in within for target in targets)


def _split(audience: str) -> SplitResult | None:
    try:
        parts = urlsplit(audience.lower())
    except ValueError:  # a bracket that is no IPv6 address, say
        return None
    return parts if parts.scheme in _SCHEMES else None


def _authorities(parts: SplitResult) -> set[str]:
    default = _DEFAULT_PORTS[parts.scheme]
    return {parts.netloc, parts.netloc + default, parts.netloc.removesuffix(default)}


def _at_boundary(path: str, target: str) -> bool:
    return target == path or target.startswith((f"{path}/", f"{path}?"))

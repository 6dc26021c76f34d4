"""Which groups a connection may join, leave and publish to.

For each operation there is a rule (no group, or every group, and patterns that allow more) and there
are exceptions to it, group by group: a grant of what the rule denies, or a revocation of what it
allows. Invariant: an exception always says the opposite of the rule, so undoing one costs nothing,
and a change beyond the limits changes nothing.
"""

import logging
from collections.abc import Iterable
from enum import StrEnum

from emulators.web_pubsub.names import is_group_name
from emulators.web_pubsub.patterns import InvalidPatternError, Pattern

MAX_LITERALS = 1000
MAX_PATTERNS = 9
_ROLE_PREFIX = "webpubsub."
_log = logging.getLogger(__name__)


class Operation(StrEnum):
    """What can be permitted, spelled as in REST paths and roles."""

    SEND_TO_GROUP = "sendToGroup"
    JOIN_LEAVE_GROUP = "joinLeaveGroup"


class PermissionLimitError(ValueError):
    """More exceptions or patterns than the service keeps for one connection."""


class _Grants:
    """What one connection may do with one operation."""

    __slots__ = ("_every_group", "_exceptions", "_patterns")

    def __init__(self) -> None:
        self._every_group = False
        self._patterns: list[Pattern] = []
        self._exceptions: dict[str, bool] = {}

    def allows(self, group: str | None) -> bool:
        if group is None:
            return self._every_group
        exception = self._exceptions.get(group)
        return self._rule_allows(group) if exception is None else exception

    def set_every_group(self, *, allowed: bool) -> None:
        self._every_group = allowed
        self._patterns.clear()
        self._exceptions.clear()

    def set_group(self, group: str, *, allowed: bool) -> None:
        if self.allows(group) == allowed:
            return
        if group in self._exceptions:
            del self._exceptions[group]
            return
        if len(self._exceptions) >= MAX_LITERALS:
            raise PermissionLimitError(f"at most {MAX_LITERALS} groups can be named")
        self._exceptions[group] = allowed

    def allow_pattern(self, pattern: Pattern) -> None:
        if pattern.literal is not None:
            self.set_group(pattern.literal, allowed=True)
        elif pattern.matches_all:
            self.set_every_group(allowed=True)
        elif len(self._patterns) >= MAX_PATTERNS:
            raise PermissionLimitError(f"at most {MAX_PATTERNS} patterns are kept")
        else:
            self._patterns.append(pattern)
            for group in [each for each in self._exceptions if pattern.matches(each)]:
                del self._exceptions[group]

    def _rule_allows(self, group: str) -> bool:
        return self._every_group or any(pattern.matches(group) for pattern in self._patterns)


class Permissions:
    """All grants of one connection; they outlive a dropped transport."""

    __slots__ = ("_grants",)

    def __init__(self, roles: Iterable[str] = ()) -> None:
        self._grants = {operation: _Grants() for operation in Operation}
        unusable = 0
        for role in sorted(roles):  # the order in a token means nothing
            try:
                self._add_role(role)
            except (PermissionLimitError, InvalidPatternError):
                unusable += 1
        if unusable:
            _log.warning("%d roles are invalid or beyond the limits, and mean nothing", unusable)

    def allows(self, operation: Operation, group: str | None) -> bool:
        """Return whether the operation is allowed on a group; None asks for every group."""
        return self._grants[operation].allows(group)

    def grant(self, operation: Operation, group: str | None) -> None:
        """Allow one group, or with None every group."""
        self._set(operation, group, allowed=True)

    def revoke(self, operation: Operation, group: str | None) -> None:
        """Deny one group, whatever allowed it, or with None every group."""
        self._set(operation, group, allowed=False)

    def _set(self, operation: Operation, group: str | None, *, allowed: bool) -> None:
        if group is None:
            self._grants[operation].set_every_group(allowed=allowed)
        else:
            self._grants[operation].set_group(group, allowed=allowed)

    def _add_role(self, role: str) -> None:
        if not role.startswith(_ROLE_PREFIX):
            return  # roles of the app's own travel to the connect event and mean nothing here
        name, dot, target = role.removeprefix(_ROLE_PREFIX).partition(".")
        for operation, grants in self._grants.items():
            if name == operation and not dot:
                grants.set_every_group(allowed=True)
            elif name == operation and is_group_name(target):
                grants.set_group(target, allowed=True)
            elif name == f"{operation}s" and is_group_name(target):
                grants.allow_pattern(Pattern(target))

"""Which groups a connection may join, leave and publish to.

Invariant: nothing is allowed that no role or grant named.
"""

from collections.abc import Iterable
from enum import StrEnum

from emulators.web_pubsub.patterns import InvalidPatternError, Pattern

MAX_LITERALS = 1000
MAX_PATTERNS = 9
_ROLE_PREFIX = "webpubsub."


class Operation(StrEnum):
    """What can be permitted, spelled as in REST paths and roles."""

    JOIN_LEAVE_GROUP = "joinLeaveGroup"
    SEND_TO_GROUP = "sendToGroup"


class PermissionLimitError(ValueError):
    """More grants than the service keeps for one connection."""


class _Grants:
    """What one connection may do with one operation."""

    __slots__ = ("every_group", "literals", "patterns")

    def __init__(self) -> None:
        self.every_group = False
        self.literals: set[str] = set()
        self.patterns: dict[str, Pattern] = {}

    def allows(self, group: str) -> bool:
        if self.every_group or group in self.literals:
            return True
        return any(pattern.matches(group) for pattern in self.patterns.values())

    def add_literal(self, group: str) -> None:
        if len(self.literals) >= MAX_LITERALS and group not in self.literals:
            raise PermissionLimitError(f"at most {MAX_LITERALS} groups can be named")
        self.literals.add(group)

    def add_pattern(self, pattern: str) -> None:
        if len(self.patterns) >= MAX_PATTERNS and pattern not in self.patterns:
            raise PermissionLimitError(f"at most {MAX_PATTERNS} patterns are kept")
        try:
            self.patterns[pattern] = Pattern(pattern)
        except InvalidPatternError as error:
            raise PermissionLimitError(str(error)) from error


class Permissions:
    """All grants of one connection; they outlive a dropped transport."""

    __slots__ = ("_grants",)

    def __init__(self, roles: Iterable[str] = ()) -> None:
        self._grants = {operation: _Grants() for operation in Operation}
        for role in roles:
            self._add_role(role)

    def allows(self, operation: Operation, group: str | None) -> bool:
        """Return whether the operation is allowed on a group; None asks for every group."""
        grants = self._grants[operation]
        return grants.every_group if group is None else grants.allows(group)

    def grant(self, operation: Operation, group: str | None) -> None:
        """Allow one group, or with None every group."""
        if group is None:
            self._grants[operation].every_group = True
        else:
            self._grants[operation].add_literal(group)

    def revoke(self, operation: Operation, group: str | None) -> None:
        """Take back exactly that grant; patterns of roles and other grants stay."""
        if group is None:
            self._grants[operation].every_group = False
        else:
            self._grants[operation].literals.discard(group)

    def _add_role(self, role: str) -> None:
        if not role.startswith(_ROLE_PREFIX):
            return  # roles of the app's own travel to the connect event and mean nothing here
        name, dot, target = role.removeprefix(_ROLE_PREFIX).partition(".")
        for operation, grants in self._grants.items():
            if name == operation:
                self.grant(operation, target if dot else None)
            elif name == f"{operation}s" and dot:
                grants.add_pattern(target)

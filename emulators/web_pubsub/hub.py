"""One hub: its live connections, by id, by user and by group, and the fan-out to them.

Invariant: the three indexes name activated connections only, and agree with each connection's
``groups``; an empty group or user has no entry, so existence is a look-up.
"""

from collections.abc import Callable, Collection, Iterable

from emulators.web_pubsub.connection import Connection
from emulators.web_pubsub.messages import Message

type Members = dict[str, Connection]
type Predicate = Callable[[Connection], bool]


class Hub:
    """The connections of one hub."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.connections: Members = {}
        self.users: dict[str, Members] = {}
        self.groups: dict[str, Members] = {}

    def add(self, connection: Connection, groups: Iterable[str]) -> None:
        """Make an activated connection visible, a member of its first groups."""
        self.connections[connection.id] = connection
        if connection.user_id is not None:
            self.users.setdefault(connection.user_id, {})[connection.id] = connection
        for group in groups:
            self.join(connection, group)

    def discard(self, connection: Connection) -> None:
        """Take a connection out of every index."""
        self.leave_all(connection)
        self.connections.pop(connection.id, None)
        if connection.user_id is not None:
            _discard_member(self.users, connection.user_id, connection)

    def join(self, connection: Connection, group: str) -> None:
        """Make the connection a member; once is enough."""
        connection.groups.add(group)
        self.groups.setdefault(group, {})[connection.id] = connection

    def leave(self, connection: Connection, group: str) -> None:
        """End a membership, if there is one."""
        connection.groups.discard(group)
        _discard_member(self.groups, group, connection)

    def leave_all(self, connection: Connection) -> None:
        """End every membership of the connection."""
        for group in tuple(connection.groups):
            self.leave(connection, group)

    def of_user(self, user_id: str) -> list[Connection]:
        """Return the user's connections."""
        return list(self.users.get(user_id, {}).values())

    def of_group(self, group: str) -> list[Connection]:
        """Return the group's members."""
        return list(self.groups.get(group, {}).values())

    def everyone(self) -> list[Connection]:
        """Return all connections."""
        return list(self.connections.values())


def deliver_to(
    targets: Iterable[Connection],
    message: Message,
    *,
    excluded: Collection[str] = (),
    accepts: Predicate | None = None,
) -> None:
    """Deliver to each target that is neither excluded nor filtered out.

    The targets must be a copy: a delivery may remove a connection that does not keep up.
    """
    for connection in targets:
        if connection.id in excluded or (accepts is not None and not accepts(connection)):
            continue
        connection.deliver(message)


def _discard_member(index: dict[str, Members], key: str, connection: Connection) -> None:
    members = index.get(key)
    if members is not None:
        members.pop(connection.id, None)
        if not members:
            del index[key]

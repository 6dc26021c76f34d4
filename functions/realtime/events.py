"""What realtime publishes; so far only to itself, some seconds later.

Invariant: an event tells what has happened, never a wish.
"""

from typing import ClassVar

from shared_code.messaging import Event, EventData

SOURCE = "/atrium/realtime"


class ConnectionOpened(EventData):
    """A connection of a user was let in."""

    TYPE: ClassVar[str] = "atrium.realtime.connection_opened.v1"

    user_id: str
    connection_id: str


def connection_opened(user_id: str, connection_id: str) -> Event[ConnectionOpened]:
    """The event for one connection."""
    return Event[ConnectionOpened](
        source=SOURCE,
        type=ConnectionOpened.TYPE,
        subject=connection_id,
        data=ConnectionOpened(user_id=user_id, connection_id=connection_id),
    )

"""What chat publishes. Invariant: an event tells what has happened and is durable, never a wish."""

from typing import ClassVar

from functions.chat.models import LogEntry
from shared_code.messaging import Event, EventData

SOURCE = "/atrium/chat"
_CHANGES_ACCESS = {"member.joined", "member.left"}


class RoomLogAppended(EventData):
    """Entries that a room's log has taken, in the order of their seq and without a gap."""

    TYPE: ClassVar[str] = "atrium.chat.room_log_appended.v1"

    room_id: str
    first_seq: int
    last_seq: int
    entries: list[LogEntry]


def room_log_appended(entries: list[LogEntry]) -> Event[RoomLogAppended]:
    """The event for entries of one room that follow each other.

    Its id is made of what it tells, so that telling it again is the same event.
    """
    changed = any(entry.type in _CHANGES_ACCESS for entry in entries)
    room_id, first, last = entries[0].room_id, entries[0].seq, entries[-1].seq
    return Event[RoomLogAppended](
        id=f"{room_id}:{first}-{last}",
        source=SOURCE,
        type=RoomLogAppended.TYPE,
        subject=room_id,
        access="changed" if changed else "same",
        data=RoomLogAppended(room_id=room_id, first_seq=first, last_seq=last, entries=entries),
    )

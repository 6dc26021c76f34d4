"""What realtime speaks of: the way into the hub, who may hear a room, and what it needs of events.

Invariant: of another service's event only the fields used here are named, so that the other may add to it.
"""

from typing import Any, ClassVar

from pydantic import BaseModel

from shared_code.clock import Timestamp
from shared_code.messaging import EventData

MEMBER_JOINED = "member.joined"
MEMBER_LEFT = "member.left"


class Connection(BaseModel):
    """A WebSocket address that opens the hub for one user, until `expires_at`."""

    url: str
    hub: str
    user_id: str
    expires_at: Timestamp


class Access(BaseModel):
    """Whether a user may hear a room, by the log entry `seq` of that room."""

    user_id: str
    room_id: str
    seq: int
    allowed: bool


class RoomEntry(BaseModel):
    """An entry of a room's log, as chat tells it. As it came, it is the frame."""

    type: str
    room_id: str
    seq: int
    at: str
    data: dict[str, Any]

    def access(self) -> Access | None:
        """The change of access that the entry tells of, if it does."""
        if self.type not in {MEMBER_JOINED, MEMBER_LEFT}:
            return None
        return Access(
            user_id=self.data["user_id"],
            room_id=self.room_id,
            seq=self.seq,
            allowed=self.type == MEMBER_JOINED,
        )


class RoomLogAppended(EventData):
    """Chat's event: entries of one room, in the order of seq."""

    TYPE: ClassVar[str] = "atrium.chat.room_log_appended.v1"

    room_id: str
    entries: list[RoomEntry]

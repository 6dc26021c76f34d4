"""What realtime speaks of: the way into the hub, who may hear a room, and what it needs of events.

Invariant: of another service's event only the fields used here are named, so that the other may add to it.
"""

from typing import Any, ClassVar, Self

from pydantic import BaseModel, model_validator

from shared_code.clock import Timestamp
from shared_code.messaging import EventData
from shared_code.messaging.topology import (
    FILE_CHANGED,
    ROOM_LOG_APPENDED,
    SESSIONS_ENDED,
    WORKSPACE_CHANGED,
)

MEMBER_JOINED = "member.joined"
MEMBER_LEFT = "member.left"
_CHANGES = {MEMBER_JOINED, MEMBER_LEFT}


class Connection(BaseModel):
    """A WebSocket address that opens the hub for one user, until `expires_at`."""

    url: str
    hub: str
    user_id: str
    expires_at: Timestamp


class Access(BaseModel):
    """Whether a user may hear a room or a workspace, by the entry `seq` of its log."""

    user_id: str
    place_id: str
    seq: int
    allowed: bool


class RoomEntry(BaseModel):
    """An entry of a room's log, as chat tells it. As it came, it is the frame."""

    type: str
    room_id: str
    seq: int
    at: str
    data: dict[str, Any]

    @model_validator(mode="after")
    def _names_its_user(self) -> Self:
        """A change of access of nobody cannot be read: followed, it would fail at every try."""
        user_id = self.data.get("user_id")
        if self.type in _CHANGES and not (isinstance(user_id, str) and user_id):
            raise ValueError("data.user_id is missing")
        return self

    def access(self) -> Access | None:
        """The change of access that the entry tells of, if it does."""
        if self.type not in _CHANGES:
            return None
        return Access(
            user_id=self.data["user_id"],
            place_id=self.room_id,
            seq=self.seq,
            allowed=self.type == MEMBER_JOINED,
        )


class RoomLogAppended(EventData):
    """Chat's event: entries of one room, in the order of seq."""

    TYPE: ClassVar[str] = ROOM_LOG_APPENDED

    room_id: str
    entries: list[RoomEntry]


class SessionsEnded(EventData):
    """Auth's event: sessions of a user have ended."""

    TYPE: ClassVar[str] = SESSIONS_ENDED

    session_ids: list[str]


class WorkspaceChanged(EventData):
    """Auth's event: a workspace changed, or who is in it."""

    TYPE: ClassVar[str] = WORKSPACE_CHANGED

    workspace_id: str
    seq: int
    change: str
    at: str
    by: str | None = None
    name: str | None = None
    user_id: str | None = None
    role: str | None = None

    def access(self) -> Access | None:
        """The change of access that it tells of, if it does."""
        if self.user_id is None:
            return None
        return Access(
            user_id=self.user_id,
            place_id=self.workspace_id,
            seq=self.seq,
            allowed=self.role is not None,
        )


class FileChanged(EventData):
    """Files' event: something became of a file or a folder. `item` goes on as it came."""

    TYPE: ClassVar[str] = FILE_CHANGED

    change: str
    drive_id: str
    item: dict[str, Any]
    to: list[str]

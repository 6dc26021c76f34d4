"""What chat speaks of: rooms, members, log entries and messages, and the bodies that ask for them.

Invariant: a log entry has one shape, in the store, in a frame and in `GET …/log`; a message's entry
carries the message exactly as `GET …/messages` gives it.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from shared_code.clock import Timestamp
from shared_code.endpoint import Model
from shared_code.ids import id_pattern
from shared_code.text import Name, seen

MAX_TEXT = 4_000
MAX_FILES = 10
MAX_PAGE = 200

type RoomKind = Literal["public", "private"]
type Role = Literal["owner", "member"]
type EntryType = Literal["room.created", "member.joined", "member.left", "message.sent"]


def _no_control_characters(value: str) -> str:
    """Control characters, but for tab and line ends, only serve to confuse those who read."""
    if any((ord(each) < 32 and each not in "\t\n\r") or ord(each) == 127 for each in value):  # noqa: PLR2004 - ASCII
        raise ValueError("must not contain control characters")
    return value


def _distinct(values: list[str]) -> list[str]:
    """A message carries a file once."""
    if len(set(values)) < len(values):
        raise ValueError("must not name a file twice")
    return values


type RoomId = Annotated[str, StringConstraints(pattern=id_pattern("rm"))]
type MessageId = Annotated[str, StringConstraints(pattern=id_pattern("msg"))]
type Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_TEXT),
    AfterValidator(_no_control_characters),
    AfterValidator(seen),
]
type UserId = Annotated[str, StringConstraints(pattern=id_pattern("usr"))]
type FileId = Annotated[str, StringConstraints(pattern=id_pattern("fil"))]
type Files = Annotated[
    list[FileId],
    Field(max_length=MAX_FILES, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_distinct),
]
type ClientId = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")]
type Seq = Annotated[int, Field(ge=0, lt=2**40)]
type Limit = Annotated[int, Field(ge=1, le=MAX_PAGE)]


class NewRoom(Model):
    """A room to be made."""

    name: Name
    kind: RoomKind


class NewMessage(Model):
    """A message to be sent.

    `client_id` names the send: a repeat with the same one is the same message. `after_seq` is the last
    seq that the client knew when it composed the message; a retry repeats both. `files` are opened on
    the author's right: whether he may share them, `files` decides when a reader comes.
    """

    text: Text
    client_id: ClientId | None = None
    after_seq: Seq | None = None
    reply_to: MessageId | None = None
    files: Files = Field(default_factory=list)


class NewScheduledMessage(Model):
    """A message to be sent later. `client_id` names it, as in a message that is sent at once."""

    text: Text
    send_at: Timestamp
    client_id: ClientId | None = None
    reply_to: MessageId | None = None
    files: Files = Field(default_factory=list)


class ScheduledMessage(BaseModel):
    """A message that will be sent at `send_at`, if its author is a member of the room then."""

    room_id: str
    author_id: str
    text: str
    client_id: str
    reply_to: str | None
    files: list[str]
    send_at: Timestamp


class PageQuery(BaseModel):
    """Where a page starts and how long it is."""

    limit: Limit = 50
    cursor: Annotated[str, StringConstraints(max_length=200)] | None = None


class LogQuery(PageQuery):
    """As PageQuery; `after` is the last seq that the client has, in place of a cursor."""

    after: Seq = 0


class Room(BaseModel):
    """A room as its members see it."""

    id: str
    name: str
    kind: RoomKind
    created_by: str
    created_at: Timestamp
    last_seq: int
    message_count: int


class MyRoom(BaseModel):
    """A room in the list of a user's rooms."""

    id: str
    name: str
    kind: RoomKind
    role: Role
    joined_at: Timestamp


class Member(BaseModel):
    """A user's place in a room. `seq` is the entry that made it so; `left` keeps it for repeats."""

    user_id: str
    role: Role
    joined_at: Timestamp
    seq: int
    left: bool = False


class Message(BaseModel):
    """A message. Entries of the time before there were files have no `files`, which means none."""

    id: str
    room_id: str
    seq: int
    author_id: str
    text: str
    client_id: str
    reply_to: str | None
    files: list[str] = Field(default_factory=list)
    created_at: Timestamp


class FileTicket(BaseModel):
    """Lets the caller have a file of a message from the service `files`, until `expires_at`."""

    ticket: str
    file_id: str
    expires_at: Timestamp


class LogEntry(BaseModel):
    """One entry of a room's log: the frame that the room's members receive."""

    type: EntryType
    room_id: str
    seq: int
    at: Timestamp
    data: dict[str, Any]

"""The changes that a room's log can take, each with its rule, its entry and its member row.

Invariant: pure; a change decides on the head and the member that it is shown, and on nothing else.
"""

from dataclasses import dataclass, field
from datetime import datetime

from functions.chat.models import LogEntry, Member, Message, NewMessage
from functions.chat.policy import check_join, check_leave, check_member, is_member
from functions.chat.store import Head
from shared_code.errors import FieldError, ValidationFailed
from shared_code.ids import new_id, numbered_id


@dataclass
class SendMessage:
    """A member says something.

    `reply_missing`: the message that it replies to was not found. `is_requested`: it came through the
    queue, and may come again at any time.
    """

    user_id: str
    body: NewMessage
    reply_missing: bool = False
    is_requested: bool = False
    client_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.client_id = self.body.client_id or new_id("cli")

    @property
    def after_seq(self) -> int | None:
        """The last seq that the client knew; beside the point when the client id was made here."""
        return self.body.after_seq if self.body.client_id else None

    def check(self, head: Head, member: Member | None) -> None:
        """Members send; they know no more than the log holds, and reply to what is there."""
        check_member(member)
        if (self.body.after_seq or 0) > head.last_seq:
            raise _refused("after_seq", "ahead_of_log", f"the log ends at {head.last_seq}")
        if self.reply_missing:
            raise _refused("reply_to", "missing", "names no message of this room")

    def is_done(self, _member: Member | None) -> bool:
        """A message is never done before it is sent; a repeat is known by its client id."""
        return False

    def is_named_by(self, entry: LogEntry) -> bool:
        """The entry is a message of this user under this client id."""
        data = entry.data
        return (
            entry.type == "message.sent"
            and data["author_id"] == self.user_id
            and data["client_id"] == self.client_id
        )

    def is_repeated_by(self, entry: LogEntry) -> bool:
        """The message says the same."""
        said = (entry.data["text"], entry.data["reply_to"], entry.data.get("files", []))
        return said == (self.body.text, self.body.reply_to, self.body.files)

    def entry(self, room_id: str, seq: int, at: datetime) -> LogEntry:
        """The entry: the message as it will be given ever after. Its id carries its seq."""
        message = Message(
            id=numbered_id("msg", seq),
            room_id=room_id,
            seq=seq,
            author_id=self.user_id,
            text=self.body.text,
            client_id=self.client_id,
            reply_to=self.body.reply_to,
            files=self.body.files,
            created_at=at,
        )
        data = message.model_dump(mode="json")
        return LogEntry(type="message.sent", room_id=room_id, seq=seq, at=at, data=data)

    def member_after(self, _member: Member | None, _seq: int, _at: datetime) -> None:
        """A message changes no membership."""


def _refused(field: str, code: str, message: str) -> ValidationFailed:
    return ValidationFailed([FieldError(field=field, code=code, message=message)])


@dataclass
class _MembershipChange:
    """What joining and leaving have in common: they repeat harmlessly, so they need no client id."""

    user_id: str
    client_id: None = None
    after_seq: None = None
    is_requested: bool = False

    def is_named_by(self, _entry: LogEntry) -> bool:
        """No client id, no name."""
        return False

    def is_repeated_by(self, _entry: LogEntry) -> bool:
        """No client id, no repeat."""
        return False


@dataclass
class JoinRoom(_MembershipChange):
    """A user becomes a member."""

    def check(self, head: Head, member: Member | None) -> None:
        """By the room's kind."""
        check_join(head.kind, member)

    def is_done(self, member: Member | None) -> bool:
        """He is a member."""
        return is_member(member)

    def entry(self, room_id: str, seq: int, at: datetime) -> LogEntry:
        """`member.joined`."""
        return joined_entry(
            room_id, Member(user_id=self.user_id, role="member", joined_at=at, seq=seq)
        )

    def member_after(self, _member: Member | None, seq: int, at: datetime) -> Member:
        """A member since now."""
        return Member(user_id=self.user_id, role="member", joined_at=at, seq=seq)


@dataclass
class LeaveRoom(_MembershipChange):
    """A member leaves. `is_erased`: his account is being erased, so he goes whatever his role is."""

    is_erased: bool = False

    def check(self, _head: Head, member: Member | None) -> None:
        """Members may, the owner may not."""
        if not self.is_erased:
            check_leave(member)

    def is_done(self, member: Member | None) -> bool:
        """He has left."""
        return not is_member(member)

    def entry(self, room_id: str, seq: int, at: datetime) -> LogEntry:
        """`member.left`."""
        return left_entry(room_id, self.user_id, seq, at)

    def member_after(self, member: Member | None, seq: int, at: datetime) -> Member:
        """The row stays, marked, so that a repeated leave knows what it repeats."""
        joined_at = member.joined_at if member else at
        return Member(user_id=self.user_id, role="member", joined_at=joined_at, seq=seq, left=True)


def joined_entry(room_id: str, member: Member) -> LogEntry:
    """The entry that tells of a member."""
    data = {"user_id": member.user_id, "role": member.role}
    return LogEntry(
        type="member.joined", room_id=room_id, seq=member.seq, at=member.joined_at, data=data
    )


def left_entry(room_id: str, user_id: str, seq: int, at: datetime) -> LogEntry:
    """The entry that tells of a user who is gone."""
    return LogEntry(type="member.left", room_id=room_id, seq=seq, at=at, data={"user_id": user_id})

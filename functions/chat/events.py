"""What chat publishes, what others may ask of it, and what it hears of others.

Invariant: an event tells what has happened: entries that are durable, a message that was asked for.
"""

from typing import ClassVar

from pydantic import ConfigDict, Field

from functions.chat.models import (
    ClientId,
    Files,
    LogEntry,
    MessageId,
    NewMessage,
    RoomId,
    Seq,
    Text,
    UserId,
)
from shared_code.messaging import Event, EventData
from shared_code.messaging.topology import ACCOUNT_ERASED, MESSAGE_REQUESTED, ROOM_LOG_APPENDED

SOURCE = "/atrium/chat"
_CHANGES_ACCESS = {"member.joined", "member.left"}


class RoomLogAppended(EventData):
    """Entries that a room's log has taken, in the order of their seq and without a gap."""

    TYPE: ClassVar[str] = ROOM_LOG_APPENDED

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
    event_id = f"{room_id}:{first}-{last}"
    return Event[RoomLogAppended](
        id=event_id,
        correlationid=event_id,  # entries of many requests leave together
        source=SOURCE,
        type=RoomLogAppended.TYPE,
        subject=room_id,
        access="changed" if changed else "same",
        data=RoomLogAppended(room_id=room_id, first_seq=first, last_seq=last, entries=entries),
    )


class MessageRequested(EventData):
    """A bot, or a schedule, wants a message posted. `client_id` names it: twice asked is once posted."""

    TYPE: ClassVar[str] = MESSAGE_REQUESTED
    model_config = ConfigDict(strict=True)  # as in a request's body, nothing is guessed

    room_id: RoomId
    author_id: UserId
    text: Text
    client_id: ClientId
    reply_to: MessageId | None = None
    after_seq: Seq | None = None
    files: Files = Field(default_factory=list)

    @property
    def body(self) -> NewMessage:
        """The message as HTTP would bring it."""
        return NewMessage(
            text=self.text,
            client_id=self.client_id,
            reply_to=self.reply_to,
            after_seq=self.after_seq,
            files=self.files,
        )

    @property
    def session_id(self) -> str:
        """One author's messages to one room are posted in their order."""
        return f"{self.room_id}/{self.author_id}"


def message_requested(data: MessageRequested) -> Event[MessageRequested]:
    """The event for a message that is asked for through chat itself."""
    return Event[MessageRequested](
        source=SOURCE, type=MessageRequested.TYPE, subject=data.room_id, data=data
    )


class AccountErased(EventData):
    """Auth's event: an account is being erased."""

    TYPE: ClassVar[str] = ACCOUNT_ERASED

    user_id: UserId

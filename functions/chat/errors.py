"""What can go wrong in chat.

AtriumError
├── NotFound
│   ├── RoomNotFound
│   ├── MessageNotFound
│   └── FileNotInMessage        the message is there, and does not carry the file
├── Forbidden
│   ├── NotAMember              reading or writing a room that the caller is not in
│   └── RoomIsPrivate           joining without an invitation
├── Conflict
│   ├── OwnerCannotLeave
│   ├── ClientIdReused          the client id of an earlier message, with another body
│   └── ClientIdTooOld          cannot be told any more whether it was sent
└── Unavailable
    └── RoomBusy                not accepted within two seconds; the same send is safe to repeat
"""

from shared_code.errors import Conflict, Forbidden, NotFound, Unavailable


class RoomNotFound(NotFound):
    """No room of this id."""

    code = "room_not_found"
    title = "There is no such room"


class MessageNotFound(NotFound):
    """The room has no message of this id."""

    code = "message_not_found"
    title = "There is no such message in this room"


class FileNotInMessage(NotFound):
    """The message is there and does not carry this file."""

    code = "file_not_in_message"
    title = "The message does not carry this file"


class NotAMember(Forbidden):
    """Only members read and write a room."""

    code = "not_a_member"
    title = "You are not a member of this room"


class RoomIsPrivate(Forbidden):
    """A private room is joined by invitation."""

    code = "room_is_private"
    title = "This room is private"


class OwnerCannotLeave(Conflict):
    """A room is never without its owner."""

    code = "owner_cannot_leave"
    title = "The owner of a room cannot leave it"


class ClientIdReused(Conflict):
    """A repeat must repeat the message; this one says something else."""

    code = "client_id_reused"
    title = "This client_id was used for another message"


class ClientIdTooOld(Conflict):
    """The send was composed too long ago to tell whether it is in the log."""

    code = "client_id_too_old"
    title = "This send is too old to tell whether it was accepted before"


class RoomBusy(Unavailable):
    """The send was not accepted in time. It may still be: repeat it with the same client_id."""

    code = "room_busy"
    title = "The room did not accept this in time; repeat it with the same client_id"

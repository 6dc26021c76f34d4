"""Heads, members, entries and waiting changes for the unit tests of chat."""

from datetime import UTC, datetime

from functions.chat.changes import JoinRoom, LeaveRoom, SendMessage
from functions.chat.models import LogEntry, Member, NewMessage, Role, RoomKind
from functions.chat.store.head import EMPTY_SLOT, Head, slot_of
from functions.chat.store.plan import Plan, Waiting, make_plan
from shared_code.ids import new_id

AT = datetime(2026, 11, 23, 10, 11, 12, 123_000, tzinfo=UTC)
ROOM = new_id("rm")

type Members = dict[str, Member | None]
type Pending = Waiting[None]


def empty_head(kind: RoomKind = "public") -> Head:
    return Head(ROOM, "tea", kind, "usr_owner", AT)


def head_at(last_seq: int, *, ring: bytes | None = None, kind: RoomKind = "public") -> Head:
    """A head whose ring covers nothing, unless it is given."""
    return Head(ROOM, "tea", kind, "usr_owner", AT, last_seq=last_seq, ring=ring or b"")


def member(user_id: str, role: Role = "member", *, left: bool = False) -> Member:
    return Member(user_id=user_id, role=role, joined_at=AT, seq=2, left=left)


def message(seq: int, user_id: str = "ann", client_id: str = "c1", text: str = "hi") -> LogEntry:
    """The entry of a message, made as the service makes it."""
    return send(user_id, client_id, text).change.entry(ROOM, seq, AT)


def send(
    user_id: str, client_id: str | None = "c1", text: str = "hi", after_seq: int | None = None
) -> Pending:
    body = NewMessage(text=text, client_id=client_id, after_seq=after_seq)
    return Waiting(SendMessage(user_id, body), None)


def request(user_id: str, client_id: str = "c1", text: str = "hi") -> Pending:
    """A message that came through the queue."""
    body = NewMessage(text=text, client_id=client_id)
    return Waiting(SendMessage(user_id, body, is_requested=True), None)


def join(user_id: str) -> Pending:
    return Waiting(JoinRoom(user_id), None)


def leave(user_id: str) -> Pending:
    return Waiting(LeaveRoom(user_id), None)


def plan(head: Head, members: Members, *batch: Pending, fresh: bool = True) -> Plan[None]:
    return make_plan(head, members, batch, AT, fresh=fresh)


def sent(*names: tuple[str, str]) -> Head:
    """The head of a room in which only these authors have sent under these client ids."""
    entries = [message(seq, author, name) for seq, (author, name) in enumerate(names, 1)]
    slots = [slot_of(author, name) for author, name in names]
    return empty_head().after(entries, slots, access_changed=False)


def filler(count: int) -> list[bytes]:
    """Slots of entries that have no client id."""
    return [EMPTY_SLOT] * count

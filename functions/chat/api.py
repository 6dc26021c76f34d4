"""Chat over HTTP. Invariant: a trigger parses, calls one command and answers; it holds no rule."""

import azure.functions as func

from functions.chat import commands, store
from functions.chat.cursors import cursor, room_at, seq_at
from functions.chat.errors import (
    ClientIdReused,
    ClientIdTooOld,
    FileNotInMessage,
    MessageNotFound,
    NotAMember,
    OwnerCannotLeave,
    RoomBusy,
    RoomIsPrivate,
    RoomNotFound,
)
from functions.chat.models import (
    FileId,
    FileTicket,
    LogEntry,
    LogQuery,
    Message,
    MessageId,
    MyRoom,
    NewMessage,
    NewRoom,
    NewScheduledMessage,
    PageQuery,
    Room,
    RoomId,
    ScheduledMessage,
)
from shared_code import live, messaging, tokens
from shared_code.actor import Actor
from shared_code.endpoint import IdempotencyKey, Page, endpoint
from shared_code.errors import IdempotencyKeyReused, Unavailable
from shared_code.readiness import depends_on

blueprint = func.Blueprint()
depends_on("chat_storage", store.reach)
depends_on("service_bus", messaging.reach)
depends_on("published_keys", tokens.reach)
depends_on("web_pubsub", live.reach)


@endpoint(blueprint, "POST", "rooms", status=201, errors=(IdempotencyKeyReused,))
async def create_room(actor: Actor, body: NewRoom, idempotency_key: IdempotencyKey = None) -> Room:
    """Make a room. The caller owns it and is its first member."""
    return await commands.make_room(actor, body, idempotency_key)


@endpoint(blueprint, "GET", "rooms")
async def list_rooms(actor: Actor, query: PageQuery) -> Page[MyRoom]:
    """List the rooms that the caller is in, oldest first."""
    rooms = await commands.rooms_page(actor, room_at(query.cursor), query.limit + 1)
    page, more = rooms[: query.limit], rooms[query.limit :]
    return Page(items=page, next=cursor(page[-1].id) if more else None)


@endpoint(blueprint, "POST", "rooms/{room_id}/join", errors=(RoomNotFound, RoomIsPrivate))
async def join_room(actor: Actor, room_id: RoomId) -> Room:
    """Join a public room. Joining a room that one is in changes nothing."""
    return await commands.join_room(actor, room_id)


@endpoint(
    blueprint,
    "POST",
    "rooms/{room_id}/leave",
    status=204,
    errors=(RoomNotFound, NotAMember, OwnerCannotLeave),
)
async def leave_room(actor: Actor, room_id: RoomId) -> None:
    """Leave a room. Its frames stop before the answer comes."""
    await commands.leave_room(actor, room_id)


@endpoint(
    blueprint,
    "POST",
    "rooms/{room_id}/messages",
    status=201,
    errors=(RoomNotFound, NotAMember, ClientIdReused, ClientIdTooOld, RoomBusy),
)
async def send_message(actor: Actor, room_id: RoomId, body: NewMessage) -> Message:
    """Send a message.

    A repeat with the same `client_id` and body gives the first message again. Repeat `after_seq` with
    it: the last seq that the client knew when it composed the message.
    """
    return await commands.send_message(actor, room_id, body)


@endpoint(
    blueprint,
    "POST",
    "rooms/{room_id}/scheduled-messages",
    status=201,
    errors=(RoomNotFound, NotAMember, Unavailable),
)
async def schedule_message(
    actor: Actor, room_id: RoomId, body: NewScheduledMessage
) -> ScheduledMessage:
    """Have a message sent later, in the caller's name, if the caller is a member then.

    Repeat it with the same `client_id`: however often it is scheduled, it is sent once.
    """
    return await commands.schedule_message(actor, room_id, body)


@endpoint(blueprint, "GET", "rooms/{room_id}/messages", errors=(RoomNotFound, NotAMember))
async def list_messages(actor: Actor, room_id: RoomId, query: PageQuery) -> Page[Message]:
    """List a room's messages, newest first."""
    before = seq_at(query.cursor)
    found = await commands.messages_page(actor, room_id, before, query.limit + 1)
    page, more = found[: query.limit], found[query.limit :]
    return Page(items=page, next=cursor(page[-1].seq) if more else None)


@endpoint(
    blueprint,
    "POST",
    "rooms/{room_id}/messages/{message_id}/files/{file_id}/ticket",
    errors=(RoomNotFound, NotAMember, MessageNotFound, FileNotInMessage),
)
async def create_file_ticket(
    actor: Actor, room_id: RoomId, message_id: MessageId, file_id: FileId
) -> FileTicket:
    """Get a ticket for a file that a message carries.

    The ticket is the caller's own and holds for a minute. It opens the file if the message's author may
    share it, which the service `files` decides.
    """
    return await commands.file_ticket(actor, room_id, message_id, file_id)


@endpoint(blueprint, "GET", "rooms/{room_id}/log", errors=(RoomNotFound, NotAMember))
async def list_log(actor: Actor, room_id: RoomId, query: LogQuery) -> Page[LogEntry]:
    """List a room's log entries after a seq, oldest first: what a client asks that was away."""
    after = seq_at(query.cursor)
    start = query.after if after is None else after
    found = await commands.log_page(actor, room_id, start, query.limit + 1)
    page, more = found[: query.limit], found[query.limit :]
    return Page(items=page, next=cursor(page[-1].seq) if more else None)

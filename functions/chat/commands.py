"""What can be done in chat. Each command checks, changes the log, and has its events told.

Invariant: the answer waits for durability, never for a push nor for the bus. What a crash leaves half done
(the hint, a user's list) is mended by a repeat, and without one by the walk and the projector.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable
from dataclasses import replace
from functools import cache

from functions.chat.changes import JoinRoom, LeaveRoom, SendMessage, joined_entry
from functions.chat.errors import FileNotInMessage, MessageNotFound
from functions.chat.events import MessageRequested, message_requested
from functions.chat.hints import Hints
from functions.chat.models import (
    FileTicket,
    LogEntry,
    Member,
    Message,
    MyRoom,
    NewMessage,
    NewRoom,
    NewScheduledMessage,
    Room,
    ScheduledMessage,
)
from functions.chat.policy import check_member, check_schedule, is_member
from functions.chat.store import (
    EMPTY_SLOT,
    Accepted,
    Head,
    RoomWriters,
    Segment,
    claim_room_id,
    create_room,
    get_room,
    ledger,
    list_room,
    my_rooms,
    read_entry,
    read_log,
    read_member,
    read_messages,
)
from shared_code import file_tickets, live
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.errors import Unavailable
from shared_code.faults import fault_point
from shared_code.ids import new_id, number_of
from shared_code.messaging import publish, schedule

_log = logging.getLogger("atrium.chat")
_HUB_SECONDS = 2.0
_ROOMS_TOGETHER = 100


@cache
def _hints() -> Hints:
    return Hints(publish)


@cache
def _writers() -> RoomWriters:
    return RoomWriters(_hints().announce, ledger())


async def make_room(actor: Actor, body: NewRoom, idempotency_key: str | None) -> Room:
    """Make a room that the actor owns; a repeat with its key gives the first answer.

    His connections hear the room before this returns. Round trips: 1 mark, 1 transaction, 1 to Web
    PubSub, and 2 for the owner's list; with a key one more. Raises IdempotencyKeyReused.
    """
    room_id = new_id("rm")
    if idempotency_key:
        key = hashlib.sha256(idempotency_key.encode()).hexdigest()
        fingerprint = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
        room_id = await claim_room_id(actor.user_id, key, fingerprint, room_id)
    head, owner, segment = _first_commit(room_id, actor.user_id, body)
    await ledger().ensure(room_id)
    if await create_room(head, owner, segment):
        _hints().announce(segment.entries)
    else:
        # A repeat under the same key. The owner joined with the log's second entry and cannot leave.
        made_at = (await get_room(room_id)).created_at
        head = replace(head, created_at=made_at)
        owner = owner.model_copy(update={"joined_at": made_at})
    await _at_the_hub(live.let_hear(actor.user_id, room_id))
    fault_point("chat.before_index")
    await list_room(head, owner)
    return head.room()


def _first_commit(room_id: str, owner_id: str, body: NewRoom) -> tuple[Head, Member, Segment]:
    """The head, the owner and the first two entries of a new room."""
    now = utcnow()
    owner = Member(user_id=owner_id, role="owner", joined_at=now, seq=2)
    data = {"name": body.name, "kind": body.kind, "created_by": owner_id}
    created = LogEntry(type="room.created", room_id=room_id, seq=1, at=now, data=data)
    entries = [created, joined_entry(room_id, owner)]
    empty = Head(room_id, body.name, body.kind, owner_id, now)
    head = empty.after(entries, [EMPTY_SLOT, EMPTY_SLOT], access_changed=True)
    return head, owner, Segment(room_id, new_id("cmt"), entries)


async def join_room(actor: Actor, room_id: str) -> Room:
    """Make the actor a member; harmless when he is one.

    His connections are in the room's group before this returns, unless Web PubSub does not answer: then
    `realtime` adds them when it hears of the entry. Round trips: 1 read of his row, 1 transaction (and 1
    read and 1 mark in a room not written lately), 1 to Web PubSub and 1 read after it, 2 for his list.
    When he is one: 1 read each of the head and his list, 1 to Web PubSub and 1 read.
    Raises RoomNotFound, RoomIsPrivate.
    """
    accepted = await _writers().submit(room_id, JoinRoom(actor.user_id))
    await _at_the_hub(_start_hearing(actor.user_id, room_id))
    await _list(accepted)
    return accepted.head.room()


async def leave_room(actor: Actor, room_id: str) -> None:
    """End the actor's membership; harmless when he has left.

    His connections are out of the room's group before this returns, unless Web PubSub does not answer:
    then `realtime` removes them when it hears of the entry. Round trips: 1 transaction (and 2 reads
    and 1 mark in a room not written lately), 1 to Web PubSub, 2 for his list. When he has left: 1 read
    each of the head and his list, 1 to Web PubSub.
    Raises RoomNotFound, NotAMember, OwnerCannotLeave.
    """
    accepted = await _writers().submit(room_id, LeaveRoom(actor.user_id))
    await _at_the_hub(live.stop_hearing(actor.user_id, room_id))
    await _list(accepted)


async def forget_user(user_id: str) -> None:
    """End every membership of a user whose account is erased, as `leave_room` does. What he wrote stays.

    A query for each 100 rooms, and the costs of `leave_room` for each room.
    """
    while rooms := await my_rooms(user_id, "", _ROOMS_TOGETHER):
        for room in rooms:
            accepted = await _writers().submit(room.id, LeaveRoom(user_id, is_erased=True))
            await _at_the_hub(live.stop_hearing(user_id, room.id))
            await _list(accepted)


async def _list(accepted: Accepted) -> None:
    """Put the room into the list of the member that a change ended with. Two round trips."""
    if accepted.member is None:
        raise Unavailable
    fault_point("chat.before_index")
    await list_room(accepted.head, accepted.member)


async def _start_hearing(user_id: str, room_id: str) -> None:
    """Open the room to the user's connections; who adds reads again, and undoes it for one who has left."""
    await live.let_hear(user_id, room_id)
    if not is_member(await read_member(room_id, user_id)):
        await live.stop_hearing(user_id, room_id)


async def _at_the_hub(change: Awaitable[None]) -> None:
    """Make a change of who hears a room hold before the answer; a failure is left to `realtime`."""
    try:
        async with asyncio.timeout(_HUB_SECONDS):
            await change
    except Exception as error:  # noqa: BLE001 - what was committed holds, whatever Web PubSub says
        _log.warning("who hears a room is as it was until realtime acts", exc_info=error)


async def send_message(actor: Actor, room_id: str, body: NewMessage) -> Message:
    """Send a message; a repeat under the same client id gives the first one.

    Round trips: 1 transaction, shared with those that leave together (and 2 reads and 1 mark in a room
    not written lately, 1 mark each 15 s beside the work in one that is); 1 query for a reply; only 1 query
    for a repeat, only 1 read for a refusal. Raises RoomNotFound, NotAMember, ClientIdReused,
    ClientIdTooOld, RoomBusy.
    """
    return await _send(actor.user_id, room_id, body)


async def post_requested(request: MessageRequested) -> None:
    """Post a message that came through the queue, once, however often and however late it comes again.

    Errors and costs are those of `send_message`, and a row more in its transaction; 1 read more in a room
    whose ring does not reach back to its start, or after a lost race; a repeat is 1 query and 1 write, or
    1 read and 1 query when the ring has forgotten it.
    """
    await _send(request.author_id, request.room_id, request.body, is_requested=True)
    fault_point("messages.after_post")


async def schedule_message(
    actor: Actor, room_id: str, body: NewScheduledMessage
) -> ScheduledMessage:
    """Have a message sent later; whether its author may is asked now and again then.

    Round trips: 1 read (2 when refused), 1 to the bus. Raises RoomNotFound, NotAMember, Unavailable when
    the bus does not take it: it may have it nevertheless, and a repeat under the same client id is safe.
    """
    check_schedule(body.send_at, utcnow())
    await _check_reader(actor, room_id)
    request = MessageRequested(
        room_id=room_id,
        author_id=actor.user_id,
        text=body.text,
        client_id=body.client_id or new_id("cli"),
        reply_to=body.reply_to,
        files=body.files,
    )
    await schedule(message_requested(request), body.send_at, request.session_id)
    return ScheduledMessage(**request.model_dump(exclude={"after_seq"}), send_at=body.send_at)


async def _send(
    user_id: str, room_id: str, body: NewMessage, *, is_requested: bool = False
) -> Message:
    missing = body.reply_to is not None and await _message(room_id, body.reply_to) is None
    change = SendMessage(user_id, body, missing, is_requested)
    accepted = await _writers().submit(room_id, change)
    if accepted.entry is None:
        raise Unavailable
    return Message.model_validate(accepted.entry.data)


async def _message(room_id: str, message_id: str) -> Message | None:
    """The room's message of this id, or None. One round trip: the id carries the seq."""
    entry = await read_entry(room_id, number_of(message_id))
    if entry is None or entry.data.get("id") != message_id:
        return None
    return Message.model_validate(entry.data)


async def file_ticket(actor: Actor, room_id: str, message_id: str, file_id: str) -> FileTicket:
    """A ticket with which the actor gets a file of a message from `files`. It outlives a leave, by a minute.

    Round trips: 1 for the member (2 when refused), 1 query. Raises RoomNotFound, NotAMember,
    MessageNotFound, FileNotInMessage, NotConfigured, InvalidSetting.
    """
    await _check_reader(actor, room_id)
    message = await _message(room_id, message_id)
    if message is None:
        raise MessageNotFound
    if file_id not in message.files:
        raise FileNotInMessage
    ticket, expires_at = file_tickets.issue(
        reader_id=actor.user_id, file_id=file_id, room_id=room_id, author_id=message.author_id
    )
    return FileTicket(ticket=ticket, file_id=file_id, expires_at=expires_at)


async def messages_page(
    actor: Actor, room_id: str, before: int | None, limit: int
) -> list[Message]:
    """The newest `limit` messages before the seq `before`, newest first.

    Round trips: 1 for the member, 1 query. Raises RoomNotFound, NotAMember.
    """
    await _check_reader(actor, room_id)
    return await read_messages(room_id, before, limit)


async def log_page(actor: Actor, room_id: str, after: int, limit: int) -> list[LogEntry]:
    """The `limit` entries after the seq `after`, oldest first.

    Round trips: 1 for the member, 1 query. Raises RoomNotFound, NotAMember.
    """
    await _check_reader(actor, room_id)
    return await read_log(room_id, after, limit)


async def _check_reader(actor: Actor, room_id: str) -> None:
    member = await read_member(room_id, actor.user_id)
    if member is None:
        await get_room(room_id)
    check_member(member)


async def rooms_page(actor: Actor, after: str, limit: int) -> list[MyRoom]:
    """The actor's rooms with an id above `after`. One query."""
    return await my_rooms(actor.user_id, after, limit)

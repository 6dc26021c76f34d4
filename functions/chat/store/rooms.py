"""Rooms as a whole: making one, and each user's list of rooms.

Invariants: a room appears in one transaction, with its head, its owner and the entries that tell of
them. A row of a user's list is guarded by the seq of the entry that it stands for, so it can be written
late, twice or in any order.
"""

from datetime import datetime
from http.client import CONFLICT
from typing import Any

from azure.core.exceptions import HttpResponseError, ResourceExistsError

from functions.chat.errors import RoomNotFound
from functions.chat.models import Member, MyRoom
from functions.chat.store import rows
from functions.chat.store.head import Head
from functions.chat.store.reads import read_head
from functions.chat.store.rows import Segment
from functions.chat.store.tables import KEYS, MY_ROOMS, ROOMS, chat_table
from shared_code.clock import rfc3339
from shared_code.errors import IdempotencyKeyReused
from shared_code.storage import put_newer


async def create_room(head: Head, owner: Member, segment: Segment) -> bool:
    """Insert a room; False when it exists. One round trip."""
    operations: list[Any] = [
        ("create", rows.head_to_row(head)),
        ("create", rows.segment_to_row(segment)),
        ("create", rows.member_to_row(head.room_id, owner)),
    ]
    try:
        await chat_table(ROOMS).submit_transaction(operations)
    except HttpResponseError as error:
        if error.status_code != CONFLICT:
            raise
        return False
    return True


async def get_room(room_id: str) -> Head:
    """The room's head. One round trip. Raises RoomNotFound."""
    found = await read_head(room_id)
    if found is None:
        raise RoomNotFound
    return found[0]


async def claim_room_id(user_id: str, key: str, fingerprint: str, room_id: str) -> str:
    """The room id that this user's Idempotency-Key stands for: `room_id` at its first use.

    One round trip at the first use, two at a repeat. Raises IdempotencyKeyReused when the key stands
    for another body. The row is inserted before the room, so a repeat after a crash makes that room.
    """
    entity = {
        "PartitionKey": user_id,
        "RowKey": key,
        "room_id": room_id,
        "fingerprint": fingerprint,
    }
    table = chat_table(KEYS)
    try:
        await table.create_entity(entity)
    except ResourceExistsError:
        entity = dict(await table.get_entity(user_id, key))
    if entity["fingerprint"] != fingerprint:
        raise IdempotencyKeyReused
    return str(entity["room_id"])


async def list_room(head: Head, member: Member) -> None:
    """Put the room as it is for `member` into his list, unless a later state is there.

    Two round trips.
    """
    entity = {
        "PartitionKey": member.user_id,
        "RowKey": head.room_id,
        "name": head.name,
        "kind": head.kind,
        "role": member.role,
        "joined_at": rfc3339(member.joined_at),
        "left": member.left,
    }
    await put_newer(chat_table(MY_ROOMS), entity, member.seq)


async def my_rooms(user_id: str, after: str, limit: int) -> list[MyRoom]:
    """The user's rooms with an id above `after`, in the order of their ids. One query."""
    found = chat_table(MY_ROOMS).query_entities(
        "PartitionKey eq @user and RowKey gt @after and left eq false",
        parameters={"user": user_id, "after": after},
        results_per_page=limit,
    )
    rooms: list[MyRoom] = []
    async for row in found:
        rooms.append(_my_room(row))
        if len(rooms) == limit:
            break
    return rooms


def _my_room(row: dict[str, Any]) -> MyRoom:
    return MyRoom(
        id=row["RowKey"],
        name=row["name"],
        kind=row["kind"],
        role=row["role"],
        joined_at=datetime.fromisoformat(row["joined_at"]),
    )

"""What realtime does: open the hub to a user, keep groups true to the projection, make frames.

Invariants. Who adds to a group adds, reads the projection again, and undoes if access has gone. Who
removes writes the projection first, then removes. A removal goes out before any later frame of its room.
"""

import asyncio
import json
from datetime import timedelta
from typing import Any

from functions.realtime import store
from functions.realtime.events import connection_opened
from functions.realtime.models import Access, Connection, RoomEntry
from shared_code import live
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.messaging import schedule

TOKEN_MINUTES = 10
"""How long a negotiated address opens the hub. It is checked when connecting, not afterwards."""

RECONCILE_SECONDS = 3
"""When a connection's groups are looked at again after `connect`, in case `connected` was lost."""

_SIDE_BY_SIDE = 16

type Action = dict[str, Any]


async def negotiate(actor: Actor) -> Connection:
    """An address that opens the hub for the actor. No round trip: the key signs it here."""
    client = live.service()
    expires_at = utcnow() + timedelta(minutes=TOKEN_MINUTES)
    token = await client.get_client_access_token(
        user_id=actor.user_id,
        groups=[live.session_group(actor.session_id)],
        minutes_to_expire=TOKEN_MINUTES,
    )
    return Connection(url=token["url"], hub=live.HUB, user_id=actor.user_id, expires_at=expires_at)


async def let_in(user_id: str | None, connection_id: str) -> Action:
    """Answer `connect`: no room groups, and a look at the connection a few seconds later.

    One round trip. The answer without a user is a refusal.
    """
    if not user_id:
        return {"code": "unauthorized", "errorMessage": "Negotiate an address first"}
    await schedule(connection_opened(user_id, connection_id), RECONCILE_SECONDS)
    return {"userId": user_id}


async def reconcile(user_id: str, connection_id: str) -> None:
    """Add a connection to the groups of all rooms that its user may hear.

    Round trips: 1 query, and for each room 1 to Web PubSub and 1 read.
    """
    limit = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def add(room_id: str) -> None:
        async with limit:
            await live.let_connection_hear(connection_id, room_id)
            if not await store.may_hear(user_id, room_id):
                await live.stop_hearing(user_id, room_id)

    await asyncio.gather(*(add(room_id) for room_id in await store.rooms_of(user_id)))


async def apply_access(access: Access) -> None:
    """Make the projection and the user's connections follow one change of access.

    Round trips: 2 for the projection, 1 to Web PubSub, and 1 read when access was given.
    """
    await store.keep(access)
    if await store.may_hear(access.user_id, access.room_id):
        await live.let_hear(access.user_id, access.room_id)
    if not await store.may_hear(access.user_id, access.room_id):
        await live.stop_hearing(access.user_id, access.room_id)


async def frames(entries: list[RoomEntry]) -> list[Action]:
    """The actions of the hub for entries of one room, in the order of seq.

    An entry that ends access is kept in the projection and removes its user before its own frame.
    Two round trips for each such entry, none for others.
    """
    actions: list[Action] = []
    for entry in sorted(entries, key=lambda each: each.seq):
        access = entry.access()
        if access and not access.allowed:
            await store.keep(access)
            actions.append(_removal(access))
        actions.append(_frame(entry))
    return actions


def _removal(access: Access) -> Action:
    return {
        "actionName": "removeUserFromGroup",
        "userId": access.user_id,
        "group": live.room_group(access.room_id),
    }


def _frame(entry: RoomEntry) -> Action:
    return {
        "actionName": "sendToGroup",
        "group": live.room_group(entry.room_id),
        "dataType": "json",
        "data": json.dumps(entry.model_dump(), ensure_ascii=False),
    }

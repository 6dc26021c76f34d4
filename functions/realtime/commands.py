"""What realtime does: open the hub to a user, keep groups true to the projection, make frames.

Invariants. Who changes a group writes the projection first, acts on it, reads it again, and goes on until
it says what was done last: of two that act at once, one sees the last word. A removal is done before any
later frame of its room goes out.
"""

import asyncio
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from functions.realtime import store
from functions.realtime.events import connection_opened
from functions.realtime.models import Access, Connection, FileChanged, RoomEntry, WorkspaceChanged
from shared_code import live
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.faults import fault_point
from shared_code.revocations import revocations

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


async def let_in(user_id: str | None, connection_id: str, groups: Iterable[str]) -> Action:
    """Answer `connect`: no room groups, and a look at the connection a few seconds later.

    `groups` are those of the address: they name its session, which may have ended since. One round trip.
    The answer without a user, or with a session that has ended, is a refusal.
    """
    if not user_id:
        return {"code": "unauthorized", "errorMessage": "Negotiate an address first"}
    if await _has_ended(groups):
        return {"code": "unauthorized", "errorMessage": "The session has ended"}
    await store.look_later(connection_opened(user_id, connection_id), RECONCILE_SECONDS)
    return {"userId": user_id}


async def _has_ended(groups: Iterable[str]) -> bool:
    """Whether one of the sessions that the groups name was ended in the last minutes."""
    ended = (await revocations().get()).sessions
    return any(live.session_of(group) in ended for group in groups)


async def close_sessions(session_ids: Iterable[str]) -> None:
    """Close the connections of sessions that have ended. One call for each."""
    for session_id in session_ids:
        await live.close_session(session_id)


async def reconcile(user_id: str, connection_id: str) -> None:
    """Add a connection to the groups of all that its user may hear.

    Round trips: 1 query, and for each place 1 to Web PubSub and 1 read.
    """
    limit = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def add(place_id: str) -> None:
        async with limit:
            await live.let_connection_hear(connection_id, place_id)
            if not await store.may_hear(user_id, place_id):
                await _follow(user_id, place_id)

    await asyncio.gather(*(add(place_id) for place_id in await store.places_of(user_id)))


async def apply_access(access: Access) -> None:
    """Make the projection and the user's connections follow one change of access.

    Round trips: 2 for the projection, 2 reads of it and 1 to Web PubSub between them.
    """
    await store.keep(access)
    fault_point("realtime.after_projection")
    await _follow(access.user_id, access.place_id)


async def _follow(user_id: str, place_id: str) -> None:
    """Let the user hear the place or not, until the projection says what was done last."""
    done: bool | None = None
    while done is not (allowed := await store.may_hear(user_id, place_id)):
        await (live.let_hear if allowed else live.stop_hearing)(user_id, place_id)
        done = allowed


async def frames(entries: list[RoomEntry]) -> list[Action]:
    """The actions of the hub for entries of one room, in the order of seq.

    An entry that ends access has ended it before this returns, unless a later one gave it again: entries
    come late and twice. As many round trips as apply_access for each such entry, none for others.
    """
    actions: list[Action] = []
    for entry in sorted(entries, key=lambda each: each.seq):
        access = entry.access()
        if access and not access.allowed:
            await apply_access(access)
        actions.append(_frame(entry))
    return actions


async def workspace_frames(changed: WorkspaceChanged) -> list[Action]:
    """The action of the hub for a change of a workspace. Who has lost it is out before this returns.

    As many round trips as apply_access when it changes who is in it, none else.
    """
    if access := changed.access():
        await apply_access(access)
    data = {"type": f"workspace.{changed.change}", **changed.model_dump(exclude={"change"})}
    return [_sent(live.workspace_group(changed.workspace_id), data)]


def file_frames(changed: FileChanged) -> list[Action]:
    """The actions of the hub for what became of a file: to its workspace, or to users of a personal drive.

    No round trip: who hears a workspace is kept elsewhere.
    """
    data = {"type": f"file.{changed.change}", "drive_id": changed.drive_id, "item": changed.item}
    if changed.drive_id.startswith("ws_"):
        return [_sent(live.workspace_group(changed.drive_id), data)]
    return [_sent_to_user(each, data) for each in changed.to]


def _frame(entry: RoomEntry) -> Action:
    return _sent(live.room_group(entry.room_id), entry.model_dump())


def _sent(group: str, data: dict[str, Any]) -> Action:
    return {"actionName": "sendToGroup", "group": group, **_json(data)}


def _sent_to_user(user_id: str, data: dict[str, Any]) -> Action:
    return {"actionName": "sendToUser", "userId": user_id, **_json(data)}


def _json(data: dict[str, Any]) -> Action:
    return {"dataType": "json", "data": json.dumps(data, ensure_ascii=False)}

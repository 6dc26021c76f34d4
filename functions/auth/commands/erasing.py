"""Leaving: an account is deleted at once, and erased when it could have been had back for two weeks.

Invariants: deleting ends every session before it answers; erasing tells every service first, and removes
the account's row last, so that what dies in between is done again by the next timer.
"""

import asyncio
import logging

from functions.auth import policy, store
from functions.auth.commands.changing import all_ended, changed, committed, end_sessions, entry
from functions.auth.commands.erasing_workspaces import leave_all
from functions.auth.commands.mailing import tell_notice
from functions.auth.commands.sessions import record_of, user_of
from functions.auth.emails import reservation_key
from functions.auth.errors import LastOwner
from functions.auth.events import account_erased
from functions.auth.models import User
from functions.auth.store import Change, UserRecord
from shared_code.actor import Actor
from shared_code.clock import rfc3339, utcnow
from shared_code.endpoint import Client
from shared_code.messaging import publish

_log = logging.getLogger("atrium.auth")


async def ask(actor: Actor, client: Client) -> User:
    """Delete the caller's account. Seven round trips, and one for each workspace that he owns.

    Raises LastOwner while others depend on his being the owner of a workspace.
    """
    await _check_workspaces(await record_of(actor))
    erase_at = utcnow() + policy.ERASURE_GRACE
    await store.plan_erasure(actor.user_id, erase_at)

    async def attempt(record: UserRecord) -> User | None:
        account = all_ended(record.account, erase_at=erase_at)
        change = Change(record)
        published = end_sessions(change, record, record.sessions, account)
        change.put(account)
        change.note(entry("account.deletion_asked", client, actor.session_id))
        tell_notice(change, account.email, "account_deletion", erase_at=rfc3339(erase_at))
        return user_of(account) if await committed(change, published) else None

    return await changed(actor.user_id, attempt)


async def _check_workspaces(record: UserRecord) -> None:
    owned = [each.workspace_id for each in record.memberships if each.role == "owner"]
    for found in await asyncio.gather(*(store.read_workspace(each) for each in owned)):
        if found and found.workspace.owners <= 1 < found.workspace.members:
            raise LastOwner(f"{found.key} has members and no other owner")


async def erase_due() -> int:
    """Erase the accounts whose time has come; how many. What fails is logged and left to the next time."""
    erased = 0
    async for day, user_id in store.due_erasures(utcnow()):
        try:
            erased += await _erase(day, user_id)
        except Exception as error:  # noqa: BLE001 - one account's trouble must not keep the others
            _log.warning("%s cannot be erased now", user_id, exc_info=error)
    return erased


async def _erase(day: str, user_id: str) -> bool:
    """Erase one account if it is still to be. Six round trips."""
    record = await store.read_user(user_id)
    if record and record.account.erase_at:
        if record.account.erase_at > utcnow():
            return False
        await publish(account_erased(user_id))
        await leave_all(user_id, record.memberships)
        await _free(record)
        await store.erase_user(user_id)
    await store.forget_erasure(day, user_id)
    return record is not None


async def _free(record: UserRecord) -> None:
    """Give up what points to the account."""
    await store.release(reservation_key(record.account.email), record.user_id)
    for each in record.identities:
        key = store.identity_key(each.issuer, each.subject)
        await store.release(key, record.user_id, "identity")

"""What follows from a change in a workspace: each user's own list of workspaces, and his tokens.

Invariant: a membership in the user's partition is written by a later change of the workspace only (`seq`), so
news may come late, twice or in any order; who has lost something has no access token that claims it once this
returns: older ones are refused in every service within two seconds.
"""

from typing import Literal

from functions.auth import revoking
from functions.auth.commands.changing import changed
from functions.auth.models import Membership
from functions.auth.store import Change, UserRecord
from functions.auth.workspace_policy import MEMORY_OF_THE_LEFT, is_loss
from shared_code.clock import utcnow
from shared_code.errors import Unauthenticated


async def follow(user_id: str, membership: Membership, *, revokes: bool = True) -> None:
    """Put what a change made of a member into his own partition; nothing when a later one is there.

    Two round trips, four when he loses something. `revokes` is false where the workspace as a whole is
    refused (it was deleted). A user who is gone needs nothing.
    """

    async def attempt(record: UserRecord) -> Literal[True] | None:
        held = record.membership(membership.workspace_id)
        if held and held.seq > membership.seq:
            return True
        is_new = held is None or held.seq < membership.seq
        account, change = record.account, Change(record)
        before = held.role if held else None
        loses = revokes and (is_loss(before, membership.role) if is_new else not membership.role)
        if loses and is_new:
            account = account.model_copy(update={"token_version": account.token_version + 1})
            change.put(account)
        if is_new:
            change.remove(_forgotten(record, membership.workspace_id))
            change.put(membership)
            if not await change.commit():
                return None
        if loses:
            await revoking.revoke(users={user_id: account.token_version})
        return True

    if membership.role is None:
        membership = membership.model_copy(update={"left_at": utcnow()})
    try:
        await changed(user_id, attempt)
    except Unauthenticated:
        return


def _forgotten(record: UserRecord, but: str) -> list[Membership]:
    """What ended so long ago that no news of it can still come."""
    end = utcnow() - MEMORY_OF_THE_LEFT
    ended = [each for each in record.memberships if each.left_at and each.left_at < end]
    return [each for each in ended if each.workspace_id != but]

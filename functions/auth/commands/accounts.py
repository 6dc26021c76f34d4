"""Accounts: seeing and changing oneself, what those who run the platform do, and the published keys."""

from functions.auth import signing, store
from functions.auth.commands.changing import NO_CLIENT, changed, entry
from functions.auth.commands.factors import factors_of
from functions.auth.commands.identities import info_of as identity_info
from functions.auth.commands.sessions import (
    end_all,
    info_of,
    owner_of,
    user_of,
)
from functions.auth.errors import NoSuchAccount
from functions.auth.models import (
    AuditEntry,
    Export,
    ExportedMembership,
    ProfileChange,
    User,
)
from functions.auth.store import Change, UserRecord
from shared_code.actor import ADMIN, Actor
from shared_code.endpoint import Client

_AUDIT_PAGE = 500


async def current_user(actor: Actor) -> User:
    """The caller himself. Storage: one round trip. Raises Unauthenticated when the account is gone."""

    async def attempt(record: UserRecord) -> User:
        return user_of(record.account)

    return await changed(actor.user_id, attempt)


async def change_profile(actor: Actor, body: ProfileChange, client: Client) -> User:
    """Change what one is called. Storage: two round trips."""

    async def attempt(record: UserRecord) -> User | None:
        account = record.account.model_copy(update=body.model_dump(exclude_none=True))
        change = Change(record)
        change.put(account)
        change.note(entry("account.changed", client, actor.session_id))
        return user_of(account) if await change.commit() else None

    return await changed(actor.user_id, attempt)


async def audit(actor: Actor, after: str | None, limit: int) -> list[AuditEntry]:
    """What happened to the caller's account, newest first. One query."""
    return await store.read_audit(actor.user_id, after, limit)


async def export(actor: Actor) -> Export:
    """Everything that is kept of the caller, save secrets. A query, and one for each 500 audit entries."""

    async def attempt(record: UserRecord) -> Export:
        return Export(
            user=user_of(record.account),
            sessions=[info_of(each, actor) for each in record.sessions],
            factors=factors_of(record),
            identities=[identity_info(each) for each in record.identities],
            workspaces=[
                ExportedMembership(
                    workspace_id=each.workspace_id, role=each.role, joined_at=each.joined_at
                )
                for each in record.memberships
                if each.role
            ],
            audit=await _whole_audit(actor.user_id),
        )

    return await changed(actor.user_id, attempt)


async def _whole_audit(user_id: str) -> list[AuditEntry]:
    found: list[AuditEntry] = []
    while page := await store.read_audit(user_id, found[-1].id if found else None, _AUDIT_PAGE):
        found += page
    return found


async def make_admin(email: str) -> bool:
    """Give the account of an address the admin role; False when it has it.

    It stands in the tokens that are issued from then on. Storage: three round trips. Raises NoSuchAccount.
    """
    found = await owner_of(email)
    if found is None:
        raise NoSuchAccount(email)

    async def attempt(record: UserRecord) -> bool | None:
        if ADMIN in record.account.roles:
            return False
        change = Change(record)
        change.put(record.account.model_copy(update={"roles": (*record.account.roles, ADMIN)}))
        change.note(entry("account.admin_made", NO_CLIENT))
        return True if await change.commit() else None

    return await changed(found.user_id, attempt, found)


async def end_sessions(email: str) -> None:
    """Sign the account of an address out everywhere. Storage: six round trips. Raises NoSuchAccount."""
    found = await owner_of(email)
    if found is None:
        raise NoSuchAccount(email)
    await end_all(found.user_id, NO_CLIENT)


async def jwks_document() -> bytes:
    """The keys that verify access tokens. Storage: none while the process's copy is young, else one."""
    return (await signing.key_ring()).jwks()

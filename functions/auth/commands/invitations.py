"""Invitations by mail and join links: the two ways into a workspace.

    token = <workspace id>.<invitation or link id>.<secret, 256 bits in base64url>

Invariants: an invitation is good for one address, which who accepts must have proved, and goes with its use;
a link counts its uses in the transaction that lets somebody in. Of the secrets digests are kept.
"""

import hmac
import re
import secrets
from datetime import datetime
from typing import Literal

from functions.auth import limits, store
from functions.auth.commands.mailing import tell_invitation
from functions.auth.commands.members import admit
from functions.auth.commands.sessions import record_of
from functions.auth.commands.workspaces import check_memberships, in_workspace, noted, row_of
from functions.auth.emails import reservation_key
from functions.auth.errors import (
    EmailNotVerified,
    InvalidInvitation,
    InvitationForAnother,
    NoSuchInvitation,
    WorkspaceFull,
)
from functions.auth.models import (
    Invitation,
    InvitationInfo,
    JoinLink,
    Member,
    NewInvitation,
    WorkspaceInfo,
)
from functions.auth.store import Change, WorkspaceRecord
from functions.auth.workspace_policy import INVITATION_LIFE, MAX_INVITATIONS, check_grant
from shared_code import text
from shared_code.actor import Actor
from shared_code.clock import rfc3339, utcnow
from shared_code.endpoint import Client
from shared_code.ids import id_pattern, new_id
from shared_code.records import retried
from shared_code.roles import InWorkspace

_SECRET_BYTES = 32
_DROPPED_AT_ONCE = 40
"""So many leave room for the rest of a transaction, which takes 100 rows."""


def new_secret() -> tuple[str, str]:
    """A secret, and the digest that is kept of it."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    return secret, text.digest(secret)


async def invite(caller: InWorkspace, body: NewInvitation, client: Client) -> InvitationInfo:
    """Invite an address; a mail goes there.

    Five round trips, two of them side by side, and those of limits.before_mail. Whether the address has an
    account is not told. Raises RoleRequired, WorkspaceFull, TooManyRequests.
    """
    now = utcnow()
    secret, digest = new_secret()
    invitation = Invitation(
        invitation_id=new_id("inv"),
        email=body.email,
        role=body.role,
        digest=digest,
        invited_by=caller.user_id,
        created_at=now,
        expires_at=now + INVITATION_LIFE,
    )

    await _count_mail(body.email, client)

    async def attempt(record: WorkspaceRecord, by: Member) -> InvitationInfo | None:
        check_grant(by, body.role)
        change = Change(record)
        await make_room(change, Invitation, caller.workspace_id, now)
        change.put(invitation)
        change.hold(by.row_key)
        change.note(noted("invitation.sent", by.user_id, invitation=invitation.invitation_id))
        _mail(change, record, invitation, secret)
        return seen(invitation) if await change.commit() else None

    return await in_workspace(caller, attempt)


async def make_room(
    change: Change, kind: type[Invitation | JoinLink], workspace_id: str, now: datetime
) -> None:
    """Let one more of the kind in: at the cap, by dropping those that are over. One query.

    Raises WorkspaceFull when none is.
    """
    rows = await store.read_rows(kind, workspace_id, None, MAX_INVITATIONS)
    if len(rows) < MAX_INVITATIONS:
        return
    over = [each for each in rows if each.expires_at <= now]
    if not over:
        raise WorkspaceFull
    change.remove(over[:_DROPPED_AT_ONCE])


async def _count_mail(email: str, client: Client) -> None:
    await limits.before_mail(
        reservation_key(email), "workspace_invitation", client, known_device=False
    )


def _mail(change: Change, record: WorkspaceRecord, invitation: Invitation, secret: str) -> None:
    token = f"{record.key}.{invitation.invitation_id}.{secret}"
    tell_invitation(
        change,
        invitation.email,
        token,
        workspace=record.workspace.name,
        expires_at=rfc3339(invitation.expires_at),
    )


def seen(invitation: Invitation) -> InvitationInfo:
    """An invitation as those see it who may invite."""
    return InvitationInfo(
        id=invitation.invitation_id,
        email=invitation.email,
        role=invitation.role,
        invited_by=invitation.invited_by,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
    )


async def resend(caller: InWorkspace, invitation_id: str, client: Client) -> InvitationInfo:
    """Send the mail again, with another link and time; the one before is worth nothing then.

    Five round trips, and those of limits.before_mail. Raises NoSuchInvitation, RoleRequired,
    TooManyRequests.
    """

    async def attempt(record: WorkspaceRecord, by: Member) -> InvitationInfo | None:
        before = _open(record, invitation_id)
        check_grant(by, before.role)
        await _count_mail(before.email, client)
        secret, digest = new_secret()
        expires_at = utcnow() + INVITATION_LIFE
        again = before.model_copy(update={"digest": digest, "expires_at": expires_at})
        change = Change(record)
        change.put(again)
        change.hold(by.row_key)
        change.note(noted("invitation.resent", by.user_id, invitation=invitation_id))
        _mail(change, record, again, secret)
        return seen(again) if await change.commit() else None

    return await in_workspace(caller, attempt, f"{Invitation.PREFIX}{invitation_id}")


def _open(record: WorkspaceRecord, invitation_id: str) -> Invitation:
    found = record.rows.get(f"{Invitation.PREFIX}{invitation_id}")
    if not isinstance(found, Invitation):
        raise NoSuchInvitation
    return found


async def revoke(caller: InWorkspace, invitation_id: str) -> None:
    """Take an invitation back. Four round trips, three of them side by side. Raises NoSuchInvitation."""

    async def attempt(record: WorkspaceRecord, by: Member) -> Literal[True] | None:
        invitation = _open(record, invitation_id)
        change = Change(record)
        change.remove([invitation])
        change.hold(by.row_key)
        change.note(noted("invitation.revoked", by.user_id, invitation=invitation_id))
        return True if await change.commit() else None

    await in_workspace(caller, attempt, f"{Invitation.PREFIX}{invitation_id}")


async def accept(actor: Actor, token: str, client: Client) -> WorkspaceInfo:
    """Join by what a mail or a join link holds: once by an invitation, as often as it says by a link.

    Eight round trips, three of them side by side. Raises InvalidInvitation, InvitationForAnother,
    EmailNotVerified, AlreadyMember, WorkspaceFull, TooManyWorkspaces.
    """
    workspace_id, row_key, secret = _parts(token)
    tried = await limits.before_code(actor.user_id, client)
    await check_memberships(actor.user_id)

    async def read() -> WorkspaceRecord:
        found = await store.read_workspace(workspace_id, row_key, row_of(actor.user_id))
        if found is None:
            raise InvalidInvitation
        return found

    async def attempt(record: WorkspaceRecord) -> WorkspaceInfo | None:
        row = record.rows.get(row_key)
        if not isinstance(row, Invitation | JoinLink) or not _opens(row, secret):
            raise InvalidInvitation
        if isinstance(row, Invitation):
            await _check_address(actor, row)
            return await admit(
                record,
                actor.user_id,
                row.role,
                lambda change: change.remove([row]),
                invitation=row.invitation_id,
            )
        used = row.model_copy(update={"uses": row.uses + 1})
        return await admit(
            record,
            actor.user_id,
            row.role,
            lambda change: change.put(used),
            join_link=row.link_id,
        )

    joined = await retried(read, attempt)
    await limits.succeeded(tried)
    return joined


def _parts(token: str) -> tuple[str, str, str]:
    """Workspace, row and secret of a token. Raises InvalidInvitation for one that we could not have made."""
    workspace_id, _, rest = token.partition(".")
    row_id, _, secret = rest.partition(".")
    if re.fullmatch(id_pattern("ws"), workspace_id):
        for prefix, kind in (("inv", Invitation), ("jnl", JoinLink)):
            if re.fullmatch(id_pattern(prefix), row_id):
                return workspace_id, f"{kind.PREFIX}{row_id}", secret
    raise InvalidInvitation


def _opens(row: Invitation | JoinLink, secret: str) -> bool:
    """Whether the secret is the one that was given out, in time, and not used up."""
    is_ours = hmac.compare_digest(text.digest(secret), row.digest)
    is_used_up = isinstance(row, JoinLink) and row.uses >= row.max_uses
    return is_ours and utcnow() < row.expires_at and not is_used_up


async def _check_address(actor: Actor, invitation: Invitation) -> None:
    """Only who has proved the address that was invited. One round trip."""
    account = (await record_of(actor)).account
    if reservation_key(account.email) != reservation_key(invitation.email):
        raise InvitationForAnother
    if account.email_verified_at is None:
        raise EmailNotVerified

"""Join links: made, seen and revoked by those who may invite; used in invitations.py.

Invariant: a link's token is told once, to who made it.
"""

from datetime import timedelta
from typing import Literal

from functions.auth.commands.invitations import make_room, new_secret
from functions.auth.commands.workspaces import in_workspace, noted
from functions.auth.errors import NoSuchJoinLink
from functions.auth.models import JoinLink, JoinLinkInfo, Member, NewJoinLink
from functions.auth.store import Change, WorkspaceRecord
from functions.auth.workspace_policy import check_grant
from shared_code.clock import utcnow
from shared_code.ids import new_id
from shared_code.roles import InWorkspace


async def make(caller: InWorkspace, body: NewJoinLink) -> JoinLinkInfo:
    """Make a link by which anyone who has it joins. Four round trips. Raises RoleRequired, WorkspaceFull."""
    now = utcnow()
    secret, digest = new_secret()
    link = JoinLink(
        link_id=new_id("jnl"),
        role=body.role,
        digest=digest,
        made_by=caller.user_id,
        created_at=now,
        expires_at=now + timedelta(seconds=body.expires_in),
        max_uses=body.max_uses,
    )

    async def attempt(record: WorkspaceRecord, by: Member) -> JoinLinkInfo | None:
        check_grant(by, body.role)
        change = Change(record)
        await make_room(change, JoinLink, caller.workspace_id, now)
        change.put(link)
        change.hold(by.row_key)
        change.note(noted("join_link.made", by.user_id, join_link=link.link_id, role=link.role))
        token = f"{record.key}.{link.link_id}.{secret}"
        return seen(link, token) if await change.commit() else None

    return await in_workspace(caller, attempt)


def seen(link: JoinLink, token: str | None = None) -> JoinLinkInfo:
    """A link as those see it who may invite."""
    return JoinLinkInfo(
        id=link.link_id,
        role=link.role,
        made_by=link.made_by,
        created_at=link.created_at,
        expires_at=link.expires_at,
        uses=link.uses,
        max_uses=link.max_uses,
        token=token,
    )


async def revoke(caller: InWorkspace, link_id: str) -> None:
    """Let a link open nothing any more. Four round trips, three side by side. Raises NoSuchJoinLink."""

    async def attempt(record: WorkspaceRecord, by: Member) -> Literal[True] | None:
        link = record.rows.get(f"{JoinLink.PREFIX}{link_id}")
        if not isinstance(link, JoinLink):
            raise NoSuchJoinLink
        change = Change(record)
        change.remove([link])
        change.hold(by.row_key)
        change.note(noted("join_link.revoked", by.user_id, join_link=link_id))
        return True if await change.commit() else None

    await in_workspace(caller, attempt, f"{JoinLink.PREFIX}{link_id}")

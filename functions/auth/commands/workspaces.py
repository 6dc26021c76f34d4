"""Workspaces as a whole: making, seeing, renaming and deleting one, and tokens for one.

Invariants: a workspace appears in one transaction, with its owner; whatever a command decides by (its root,
the caller's own row) is as it was read when it writes, whatever his token says. When deleting returns, every
service refuses tokens for it within two seconds; what is kept of it goes in steps (erasing_workspaces.py).
"""

import asyncio
from collections.abc import Awaitable, Callable

from pydantic import BaseModel

from functions.auth import limits, revoking, signing, store
from functions.auth.commands.following import follow
from functions.auth.commands.sessions import ACCESS_SECONDS, live_session, record_of
from functions.auth.errors import TooManyWorkspaces
from functions.auth.events import WorkspaceChanged, WorkspaceChangeType, workspace_changed
from functions.auth.models import (
    AccessToken,
    Invitation,
    JoinLink,
    Member,
    Membership,
    MyWorkspace,
    NewWorkspace,
    PageQuery,
    Workspace,
    WorkspaceAuditType,
    WorkspaceEntry,
    WorkspaceInfo,
)
from functions.auth.store import Change, WorkspaceRecord
from functions.auth.workspace_policy import MAX_MEMBERSHIPS
from shared_code import text
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.endpoint import Page, page_of
from shared_code.errors import IdempotencyKeyReused, RoleRequired, WorkspaceNotFound
from shared_code.ids import keyed_id, new_id
from shared_code.records import retried
from shared_code.roles import InWorkspace, WorkspaceRole, is_at_least


def row_of(user_id: str) -> str:
    """The row of a member."""
    return f"{Member.PREFIX}{user_id}"


def noted(
    type_: WorkspaceAuditType, by: str | None, at_whom: str | None = None, **details: str
) -> WorkspaceEntry:
    """A new entry of a workspace's audit log."""
    if at_whom:
        details["member"] = at_whom
    return WorkspaceEntry(id=new_id("aud"), at=utcnow(), type=type_, user_id=by, details=details)


def tell_change(
    change: Change, workspace: Workspace, what: WorkspaceChangeType, by: str | None
) -> None:
    """Publish a change of the workspace as a whole."""
    name = workspace.name if what in {"created", "renamed"} else None
    data = WorkspaceChanged(
        workspace_id=workspace.workspace_id,
        seq=workspace.seq,
        change=what,
        at=utcnow(),
        by=by,
        name=name,
    )
    change.tell(workspace_changed(data))


def tell_member(
    change: Change, workspace: Workspace, member: Member, what: WorkspaceChangeType, by: str | None
) -> None:
    """Publish what became of a member."""
    data = WorkspaceChanged(
        workspace_id=workspace.workspace_id,
        seq=member.seq,
        change=what,
        at=utcnow(),
        by=by,
        user_id=member.user_id,
        role=None if what == "member_left" else member.role,
        joined_at=member.joined_at,
    )
    change.tell(workspace_changed(data))


def membership_of(workspace_id: str, member: Member, role: WorkspaceRole | None) -> Membership:
    """What the member's own partition says of it."""
    return Membership(
        workspace_id=workspace_id, role=role, seq=member.seq, joined_at=member.joined_at
    )


async def in_workspace[Result](
    caller: InWorkspace,
    attempt: Callable[[WorkspaceRecord, Member], Awaitable[Result | None]],
    *row_keys: str,
) -> Result:
    """As `retried`, in the workspace, with the caller's row as it is now, and these rows.

    One round trip for each row, side by side. Raises WorkspaceNotFound when he is not in it, RoleRequired
    when his role is below what the route asks.
    """

    async def read() -> WorkspaceRecord:
        found = await store.read_workspace(caller.workspace_id, row_of(caller.user_id), *row_keys)
        if found is None or found.member(caller.user_id) is None:
            raise WorkspaceNotFound
        return found

    async def checked(record: WorkspaceRecord) -> Result | None:
        by = record.member(caller.user_id)
        if by is None or not is_at_least(by.role, caller.LEAST):
            raise RoleRequired
        return await attempt(record, by)

    return await retried(read, checked)


async def create(actor: Actor, body: NewWorkspace, idempotency_key: str | None) -> WorkspaceInfo:
    """Make a workspace that the caller owns; a repeat with its key gives the same one.

    Five round trips, and one for the limit. Raises TooManyWorkspaces, TooManyRequests,
    IdempotencyKeyReused.
    """
    await limits.before_workspace(actor.user_id)
    held = await check_memberships(actor.user_id)
    digest = text.digest(body.model_dump_json())
    workspace_id = keyed_id("ws", actor.user_id, idempotency_key)
    if any(each.workspace_id == workspace_id and not each.role for each in held):
        raise IdempotencyKeyReused  # what the key made was left, or deleted
    now = utcnow()
    root = Workspace(
        workspace_id=workspace_id,
        name=body.name,
        created_at=now,
        seq=2,
        request=digest if idempotency_key else "",
    )
    owner = Member(user_id=actor.user_id, role="owner", joined_at=now, seq=2)
    change = Change(WorkspaceRecord(workspace_id))
    change.put(root)
    change.put(owner)
    change.note(noted("workspace.created", actor.user_id, name=body.name))
    tell_change(change, root.model_copy(update={"seq": 1}), "created", actor.user_id)
    tell_member(change, root, owner, "member_joined", actor.user_id)
    if not await change.commit():
        return await _made_before(actor, workspace_id, digest)
    await follow(actor.user_id, membership_of(workspace_id, owner, owner.role))
    return info_of(root, owner)


async def _made_before(actor: Actor, workspace_id: str, digest: str) -> WorkspaceInfo:
    """What the first request under the key made, as it is now."""
    record = await store.read_workspace(workspace_id, row_of(actor.user_id))
    member = record.member(actor.user_id) if record else None
    if record is None or member is None:
        raise WorkspaceNotFound
    if record.workspace.request != digest:
        raise IdempotencyKeyReused
    await follow(actor.user_id, membership_of(workspace_id, member, member.role))
    return info_of(record.workspace, member)


async def check_memberships(user_id: str) -> list[Membership]:
    """What the user is in, and was. One round trip. Raises TooManyWorkspaces when he can be in no more."""
    record = await store.read_user(user_id)
    held = record.memberships if record else []
    if sum(each.role is not None for each in held) >= MAX_MEMBERSHIPS:
        raise TooManyWorkspaces
    return held


def info_of(workspace: Workspace, member: Member) -> WorkspaceInfo:
    """A workspace as a member sees it."""
    return WorkspaceInfo(
        id=workspace.workspace_id,
        name=workspace.name,
        role=member.role,
        created_at=workspace.created_at,
        member_count=workspace.members,
    )


async def see(caller: InWorkspace) -> WorkspaceInfo:
    """The workspace. Two round trips, side by side."""

    async def attempt(record: WorkspaceRecord, by: Member) -> WorkspaceInfo:
        return info_of(record.workspace, by)

    return await in_workspace(caller, attempt)


async def mine(actor: Actor, query: PageQuery) -> Page[MyWorkspace]:
    """The caller's workspaces, by id. One round trip, and one for each, side by side.

    A page holds less than was asked for where a workspace is just being deleted.
    """
    record = await record_of(actor)
    held = sorted((m for m in record.memberships if m.role), key=lambda each: each.workspace_id)
    behind = [each for each in held if each.workspace_id > (query.cursor or "")]
    page = page_of(behind, query.limit, lambda each: each.workspace_id)
    found = await asyncio.gather(*(_mine(each) for each in page.items))
    return Page(items=[each for each in found if each], next=page.next)


async def _mine(held: Membership) -> MyWorkspace | None:
    read = await store.read_workspace(held.workspace_id)
    if read is None or held.role is None:
        return None
    return MyWorkspace(
        id=held.workspace_id,
        name=read.workspace.name,
        role=held.role,
        joined_at=held.joined_at,
    )


async def listed[Kind: (Member, Invitation, JoinLink), Info: BaseModel](
    caller: InWorkspace, kind: type[Kind], seen: Callable[[Kind], Info], query: PageQuery
) -> Page[Info]:
    """A page of the workspace's rows of a kind, by id. Three round trips, two of them side by side."""

    async def attempt(_: WorkspaceRecord, __: Member) -> list[Kind]:
        return await store.read_rows(kind, caller.workspace_id, query.cursor, query.limit + 1)

    found = await in_workspace(caller, attempt)
    page = page_of(found, query.limit, lambda each: each.row_key.removeprefix(each.PREFIX))
    return Page(items=[seen(each) for each in page.items], next=page.next)


async def rename(caller: InWorkspace, name: str) -> WorkspaceInfo:
    """Call the workspace something else. Four round trips, two of them side by side."""

    async def attempt(record: WorkspaceRecord, by: Member) -> WorkspaceInfo | None:
        before = record.workspace
        root = before.model_copy(update={"name": name, "seq": before.seq + 1})
        change = Change(record)
        change.put(root)
        change.hold(by.row_key)
        change.note(noted("workspace.renamed", by.user_id, name=name))
        tell_change(change, root, "renamed", by.user_id)
        return info_of(root, by) if await change.commit() else None

    return await in_workspace(caller, attempt)


async def delete(caller: InWorkspace) -> None:
    """Delete the workspace: nobody is in it any more. Six round trips, two of them side by side."""

    async def attempt(record: WorkspaceRecord, by: Member) -> Workspace | None:
        before = record.workspace
        root = before.model_copy(update={"deleted_at": utcnow(), "seq": before.seq + 1})
        change = Change(record)
        change.put(root)
        change.hold(by.row_key)
        change.note(noted("workspace.deleted", by.user_id))
        tell_change(change, root, "deleted", by.user_id)
        return root if await change.commit() else None

    await in_workspace(caller, attempt)
    await revoking.revoke(workspaces=[caller.workspace_id])


async def token_for(actor: Actor, workspace_id: str) -> AccessToken:
    """An access token of the caller's session that carries this workspace and no other. One round trip.

    Raises WorkspaceNotFound when he is not in it.
    """
    ring, record = await signing.key_ring(), await record_of(actor)
    session = live_session(record, actor.session_id)
    held = record.membership(workspace_id)
    if held is None or held.role is None:
        raise WorkspaceNotFound
    token = signing.access_token(
        ring, record.account, session, utcnow(), record.memberships, workspace_id
    )
    return AccessToken(access_token=token, expires_in=ACCESS_SECONDS)


async def audit(caller: InWorkspace, after: str | None, limit: int) -> list[WorkspaceEntry]:
    """What happened in the workspace, newest first. Three round trips, two of them side by side."""

    async def attempt(_: WorkspaceRecord, __: Member) -> list[WorkspaceEntry]:
        return await store.read_workspace_audit(caller.workspace_id, after, limit)

    return await in_workspace(caller, attempt)

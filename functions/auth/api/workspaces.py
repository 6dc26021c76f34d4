"""Workspaces and their members over HTTP."""

from functions.auth.api import blueprint
from functions.auth.commands import members, workspaces
from functions.auth.errors import LastOwner, NoSuchMember, TooManyWorkspaces
from functions.auth.models import (
    AccessToken,
    Member,
    MemberInfo,
    MyWorkspace,
    NewWorkspace,
    PageQuery,
    RoleChange,
    Transfer,
    UserId,
    WorkspaceEntry,
    WorkspaceInfo,
    WorkspaceToken,
)
from shared_code.actor import Actor
from shared_code.endpoint import IdempotencyKey, Page, endpoint, page_of
from shared_code.errors import (
    IdempotencyKeyReused,
    RoleRequired,
    TooManyRequests,
    WorkspaceNotFound,
)
from shared_code.roles import (
    RecentWorkspaceOwner,
    WorkspaceAdmin,
    WorkspaceGuest,
)


@endpoint(
    blueprint,
    "POST",
    "workspaces",
    status=201,
    errors=(TooManyWorkspaces, IdempotencyKeyReused, TooManyRequests),
)
async def workspaces_create(
    actor: Actor, body: NewWorkspace, idempotency_key: IdempotencyKey = None
) -> WorkspaceInfo:
    """Make a workspace, which the caller owns. Access tokens carry it from the next refresh on."""
    return await workspaces.create(actor, body, idempotency_key)


@endpoint(blueprint, "GET", "workspaces")
async def workspaces_mine(actor: Actor, query: PageQuery) -> Page[MyWorkspace]:
    """The workspaces that the caller is in."""
    return await workspaces.mine(actor, query)


@endpoint(blueprint, "POST", "auth/token", errors=(WorkspaceNotFound,))
async def auth_workspace_token(actor: Actor, body: WorkspaceToken) -> AccessToken:
    """Get an access token for one workspace, for those who are in more than a token carries."""
    return await workspaces.token_for(actor, body.workspace_id)


@endpoint(blueprint, "GET", "workspaces/{workspace_id}")
async def workspaces_get(actor: WorkspaceGuest) -> WorkspaceInfo:
    """A workspace."""
    return await workspaces.see(actor)


@endpoint(blueprint, "PATCH", "workspaces/{workspace_id}")
async def workspaces_rename(actor: WorkspaceAdmin, body: NewWorkspace) -> WorkspaceInfo:
    """Call a workspace something else."""
    return await workspaces.rename(actor, body.name)


@endpoint(blueprint, "DELETE", "workspaces/{workspace_id}", status=204)
async def workspaces_delete(actor: RecentWorkspaceOwner) -> None:
    """Delete a workspace, and what every service keeps of it."""
    await workspaces.delete(actor)


@endpoint(blueprint, "GET", "workspaces/{workspace_id}/audit")
async def workspaces_audit(actor: WorkspaceAdmin, query: PageQuery) -> Page[WorkspaceEntry]:
    """What happened in a workspace, newest first."""
    found = await workspaces.audit(actor, query.cursor, query.limit + 1)
    return page_of(found, query.limit, lambda each: each.id)


@endpoint(blueprint, "GET", "workspaces/{workspace_id}/members")
async def workspaces_members(actor: WorkspaceGuest, query: PageQuery) -> Page[MemberInfo]:
    """Who is in a workspace."""
    return await workspaces.listed(actor, Member, members.seen, query)


@endpoint(
    blueprint,
    "PATCH",
    "workspaces/{workspace_id}/members/{user_id}",
    errors=(NoSuchMember, RoleRequired, LastOwner),
)
async def workspaces_change_role(
    actor: WorkspaceGuest, user_id: UserId, body: RoleChange
) -> MemberInfo:
    """Give a member another role; oneself a lower one."""
    return await members.change_role(actor, user_id, body.role)


@endpoint(
    blueprint,
    "DELETE",
    "workspaces/{workspace_id}/members/{user_id}",
    status=204,
    errors=(NoSuchMember, RoleRequired, LastOwner),
)
async def workspaces_remove_member(actor: WorkspaceGuest, user_id: UserId) -> None:
    """Remove a member."""
    await members.remove(actor, user_id)


@endpoint(blueprint, "POST", "workspaces/{workspace_id}/leave", status=204, errors=(LastOwner,))
async def workspaces_leave(actor: WorkspaceGuest) -> None:
    """Leave a workspace."""
    await members.remove(actor, actor.user_id)


@endpoint(
    blueprint,
    "POST",
    "workspaces/{workspace_id}/transfer",
    status=204,
    errors=(NoSuchMember,),
)
async def workspaces_transfer(actor: RecentWorkspaceOwner, body: Transfer) -> None:
    """Make a member owner instead of oneself."""
    await members.transfer(actor, body.user_id)

"""The ways into a workspace over HTTP: invitations by mail, and join links."""

from functions.auth.api import blueprint
from functions.auth.commands import invitations, join_links, workspaces
from functions.auth.errors import (
    AlreadyMember,
    EmailNotVerified,
    InvalidInvitation,
    InvitationForAnother,
    NoSuchInvitation,
    NoSuchJoinLink,
    TooManyWorkspaces,
    WorkspaceFull,
)
from functions.auth.models import (
    Invitation,
    InvitationId,
    InvitationInfo,
    JoinLink,
    JoinLinkId,
    JoinLinkInfo,
    JoinToken,
    NewInvitation,
    NewJoinLink,
    PageQuery,
    WorkspaceInfo,
)
from shared_code.actor import Actor
from shared_code.endpoint import Client, Page, endpoint
from shared_code.errors import TooManyRequests
from shared_code.roles import WorkspaceAdmin


@endpoint(
    blueprint,
    "POST",
    "workspaces/{workspace_id}/invitations",
    status=201,
    errors=(WorkspaceFull, TooManyRequests),
)
async def workspaces_invite(
    actor: WorkspaceAdmin, body: NewInvitation, client: Client
) -> InvitationInfo:
    """Invite an address by mail: whoever has confirmed it can accept, once, within a week."""
    return await invitations.invite(actor, body, client)


@endpoint(blueprint, "GET", "workspaces/{workspace_id}/invitations")
async def workspaces_invitations(actor: WorkspaceAdmin, query: PageQuery) -> Page[InvitationInfo]:
    """The invitations that were neither accepted nor revoked."""
    return await workspaces.listed(actor, Invitation, invitations.seen, query)


@endpoint(
    blueprint,
    "POST",
    "workspaces/{workspace_id}/invitations/{invitation_id}/resend",
    errors=(NoSuchInvitation, TooManyRequests),
)
async def workspaces_resend_invitation(
    actor: WorkspaceAdmin, invitation_id: InvitationId, client: Client
) -> InvitationInfo:
    """Send an invitation again; the link before is worth nothing then."""
    return await invitations.resend(actor, invitation_id, client)


@endpoint(
    blueprint,
    "DELETE",
    "workspaces/{workspace_id}/invitations/{invitation_id}",
    status=204,
    errors=(NoSuchInvitation,),
)
async def workspaces_revoke_invitation(actor: WorkspaceAdmin, invitation_id: InvitationId) -> None:
    """Take an invitation back."""
    await invitations.revoke(actor, invitation_id)


@endpoint(
    blueprint,
    "POST",
    "workspaces/{workspace_id}/join-links",
    status=201,
    errors=(WorkspaceFull,),
)
async def workspaces_make_join_link(actor: WorkspaceAdmin, body: NewJoinLink) -> JoinLinkInfo:
    """Make a link by which anyone who has it joins; its token is told this once."""
    return await join_links.make(actor, body)


@endpoint(blueprint, "GET", "workspaces/{workspace_id}/join-links")
async def workspaces_join_links(actor: WorkspaceAdmin, query: PageQuery) -> Page[JoinLinkInfo]:
    """The join links that are not revoked."""
    return await workspaces.listed(actor, JoinLink, join_links.seen, query)


@endpoint(
    blueprint,
    "DELETE",
    "workspaces/{workspace_id}/join-links/{link_id}",
    status=204,
    errors=(NoSuchJoinLink,),
)
async def workspaces_revoke_join_link(actor: WorkspaceAdmin, link_id: JoinLinkId) -> None:
    """Let a join link open nothing any more."""
    await join_links.revoke(actor, link_id)


@endpoint(
    blueprint,
    "POST",
    "workspaces/join",
    errors=(
        InvalidInvitation,
        InvitationForAnother,
        EmailNotVerified,
        AlreadyMember,
        WorkspaceFull,
        TooManyWorkspaces,
        TooManyRequests,
    ),
)
async def workspaces_join(actor: Actor, body: JoinToken, client: Client) -> WorkspaceInfo:
    """Join by what an invitation's mail or a join link holds."""
    return await invitations.accept(actor, body.token, client)

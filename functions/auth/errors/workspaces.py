"""Workspaces: who may come in, and what cannot be done to one. The tree stands in the package's docstring."""

from shared_code.errors import BadRequest, Conflict, Forbidden, NotFound


class InvalidInvitation(BadRequest):
    """Used, revoked, too late, or of no workspace: never said which."""

    code = "invalid_invitation"
    title = "The invitation or link is not valid any more"


class InvitationForAnother(Forbidden):
    """It was sent to another address than the caller's."""

    code = "invitation_for_another"
    title = "This invitation was sent to another address"


class NoSuchMember(NotFound):
    """Nobody of that id is in the workspace."""

    code = "member_not_found"
    title = "There is no such member"


class NoSuchInvitation(NotFound):
    """It was used, revoked, or never was."""

    code = "invitation_not_found"
    title = "There is no such invitation"


class NoSuchJoinLink(NotFound):
    """It was revoked, or never was."""

    code = "join_link_not_found"
    title = "There is no such join link"


class LastOwner(Conflict):
    """A workspace has at least one owner."""

    code = "last_owner"
    title = "The workspace needs another owner first"


class AlreadyMember(Conflict):
    """Who joins is in it already."""

    code = "already_member"
    title = "You are in this workspace already"


class WorkspaceFull(Conflict):
    """Of members, invitations or join links."""

    code = "workspace_full"
    title = "The workspace can hold no more of these"


class TooManyWorkspaces(Conflict):
    """One user can be in some hundreds."""

    code = "too_many_workspaces"
    title = "Leave a workspace before you join another"

"""Who may do what in a workspace, and how long things last in it.

| | guest | member | admin | owner |
|---|---|---|---|---|
| see it and its members | yes | yes | yes | yes |
| leave | yes | yes | yes | while there is another owner |
| rename it, invite, make join links, read its log | | | yes | yes |
| change the role of, or remove, those below an owner | | | yes | yes |
| make an owner, change or remove an owner, transfer, delete | | | | yes |

Invariants: nobody gives a role above his own, nobody raises himself, and there is always an owner. No input
or output: every rule is a function of what it is given.
"""

from datetime import timedelta

from functions.auth.errors import LastOwner, WorkspaceFull
from functions.auth.models import Member, Workspace
from shared_code.errors import RoleRequired
from shared_code.roles import WorkspaceRole, is_at_least

INVITATION_LIFE = timedelta(days=7)
MAX_MEMBERS = 5_000
MAX_INVITATIONS = 500
"""Of one workspace, open at the same time; and as many join links."""

MEMORY_OF_THE_LEFT = timedelta(days=90)
"""How long a user's list remembers what he has left: longer than an event waits, also as a dead letter."""

MAX_MEMBERSHIPS = 200
"""Of one user."""

CLAIMED_WORKSPACES = 20
"""How many an access token carries: about 1 KiB of the 4 that a token may have."""


def check_grant(by: Member, role: WorkspaceRole) -> None:
    """Raise RoleRequired unless he may let somebody in with this role."""
    if not is_at_least(by.role, "admin") or not is_at_least(by.role, role):
        raise RoleRequired


def check_change(by: Member, whom: Member, role: WorkspaceRole | None) -> None:
    """Raise RoleRequired unless he may give a member this role, or (None) remove him.

    Everyone may lower himself.
    """
    if by.user_id == whom.user_id:
        if role is not None and not is_at_least(by.role, role):
            raise RoleRequired
        return
    owns = by.role == "owner"
    touches_owner = "owner" in {whom.role, role}
    if not owns and (touches_owner or not is_at_least(by.role, "admin")):
        raise RoleRequired


def check_owner_stays(workspace: Workspace, whom: Member, role: WorkspaceRole | None) -> None:
    """Raise LastOwner when the change would leave nobody who owns the workspace."""
    if whom.role == "owner" and role != "owner" and workspace.owners <= 1:
        raise LastOwner


def check_room(workspace: Workspace) -> None:
    """Raise WorkspaceFull when nobody more may come in."""
    if workspace.members >= MAX_MEMBERS:
        raise WorkspaceFull


def is_loss(before: WorkspaceRole | None, after: WorkspaceRole | None) -> bool:
    """Whether tokens that carry the role before claim too much now."""
    if before is None:
        return False
    return after is None or not is_at_least(after, before)

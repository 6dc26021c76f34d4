"""The roles in a workspace, and the access rules of routes that are for its members.

Invariant: a rule is the type of the parameter that names the caller, and what that parameter holds was proven
by his access token: which workspace the address names, and the role that he has in it.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import StringConstraints

from shared_code.actor import Actor
from shared_code.ids import id_pattern

type WorkspaceRole = Literal["guest", "member", "admin", "owner"]

ROLES: tuple[WorkspaceRole, ...] = ("guest", "member", "admin", "owner")
"""From the least to the most."""

type WorkspaceId = Annotated[str, StringConstraints(pattern=id_pattern("ws"))]


def is_at_least(role: WorkspaceRole, least: WorkspaceRole) -> bool:
    """Whether a role includes another one."""
    return ROLES.index(role) >= ROLES.index(least)


@dataclass(frozen=True)
class InWorkspace(Actor):
    """A caller who is in the workspace of the address. Routes take one of the types below."""

    workspace_id: str = ""
    role: WorkspaceRole = "guest"

    LEAST: ClassVar[WorkspaceRole] = "guest"
    RECENT: ClassVar[bool] = False


class WorkspaceGuest(InWorkspace):
    """Anyone in the workspace, guests too."""


class WorkspaceMember(InWorkspace):
    """At least a member."""

    LEAST = "member"


class WorkspaceAdmin(InWorkspace):
    """At least an admin of the workspace (the platform's admins are `Admin`)."""

    LEAST = "admin"


class WorkspaceOwner(InWorkspace):
    """An owner."""

    LEAST = "owner"


class RecentWorkspaceOwner(WorkspaceOwner):
    """An owner who proved who he is in the last minutes."""

    RECENT = True


WORKSPACE_RULES = (
    WorkspaceGuest,
    WorkspaceMember,
    WorkspaceAdmin,
    WorkspaceOwner,
    RecentWorkspaceOwner,
)

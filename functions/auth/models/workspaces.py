"""Workspaces: what auth keeps of them, takes and gives.

A workspace is one partition: its root, a row for each member, invitation and join link, and its audit log.
The index of a user's workspaces is in the user's own partition (`Membership`), from which tokens are made.
Invariant: of a secret that opens a workspace only a digest is kept.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field

from functions.auth.models.api import SECRET, Email
from shared_code.clock import Timestamp
from shared_code.endpoint import Model
from shared_code.ids import ANY_ID_PATTERN, id_pattern
from shared_code.records import Noted, Stored
from shared_code.roles import WorkspaceId, WorkspaceRole
from shared_code.text import Name

type UserId = Annotated[str, Field(pattern=id_pattern("usr"))]
type InvitationId = Annotated[str, Field(pattern=id_pattern("inv"))]
type JoinLinkId = Annotated[str, Field(pattern=id_pattern("jnl"))]
type JoinRole = Literal["guest", "member", "admin"]
"""What one can be invited as: an owner is made by an owner."""

type WorkspaceAuditType = Literal[
    "workspace.created",
    "workspace.renamed",
    "workspace.deleted",
    "member.joined",
    "member.role_changed",
    "member.removed",
    "member.left",
    "ownership.transferred",
    "invitation.sent",
    "invitation.resent",
    "invitation.revoked",
    "join_link.made",
    "join_link.revoked",
]


class Workspace(Stored):
    """The root. `seq` numbers the changes of members and name; `owners` and `members` count the rows.

    `request` is the digest of the body that made it, empty without an Idempotency-Key.
    """

    PREFIX: ClassVar[str] = "workspace"

    workspace_id: str
    name: str
    created_at: datetime
    seq: int = 1
    owners: int = 1
    members: int = 1
    deleted_at: datetime | None = None
    request: str = ""


class Member(Stored):
    """Somebody who is in it. `seq` is that of the change which made him what he is."""

    PREFIX: ClassVar[str] = "m:"

    user_id: str
    role: WorkspaceRole
    joined_at: datetime
    seq: int

    @property
    def row_key(self) -> str:
        """Where it stands in the partition."""
        return f"{self.PREFIX}{self.user_id}"


class Invitation(Stored):
    """An address that was invited. Who accepts must have proved that it is his."""

    PREFIX: ClassVar[str] = "i:"

    invitation_id: str
    email: str
    role: JoinRole
    digest: str = Field(repr=False)
    invited_by: str
    created_at: datetime
    expires_at: datetime

    @property
    def row_key(self) -> str:
        """Where it stands in the partition."""
        return f"{self.PREFIX}{self.invitation_id}"


class JoinLink(Stored):
    """A link by which anyone who has it joins, so often and so long."""

    PREFIX: ClassVar[str] = "l:"

    link_id: str
    role: JoinRole
    digest: str = Field(repr=False)
    made_by: str
    created_at: datetime
    expires_at: datetime
    uses: int = 0
    max_uses: int

    @property
    def row_key(self) -> str:
        """Where it stands in the partition."""
        return f"{self.PREFIX}{self.link_id}"


class Membership(Stored):
    """In a user's partition: a workspace that he is in, or (without a role) was in.

    What has ended stays for a while (`left_at`) as the memory of its `seq`: older news change nothing.
    """

    PREFIX: ClassVar[str] = "m:"

    workspace_id: str
    role: WorkspaceRole | None
    seq: int
    joined_at: datetime
    left_at: datetime | None = None

    @property
    def row_key(self) -> str:
        """Where it stands in the partition."""
        return f"{self.PREFIX}{self.workspace_id}"


class WorkspaceEntry(Noted):
    """An entry of a workspace's audit log: who did it, and to whom."""

    type: WorkspaceAuditType
    user_id: str | None


class NewWorkspace(Model):
    """What to call a workspace."""

    name: Name


class WorkspaceInfo(BaseModel):
    """A workspace, for someone who is in it."""

    id: str
    name: str
    role: WorkspaceRole
    created_at: Timestamp
    member_count: int


class MyWorkspace(BaseModel):
    """A workspace in the list of one's own."""

    id: str
    name: str
    role: WorkspaceRole
    joined_at: Timestamp


class MemberInfo(BaseModel):
    """Somebody who is in it."""

    user_id: str
    role: WorkspaceRole
    joined_at: Timestamp


class RoleChange(Model):
    """The role that a member is to have."""

    role: WorkspaceRole


class Transfer(Model):
    """The member who is to be owner instead of the caller."""

    user_id: UserId


class NewInvitation(Model):
    """Whom to invite, and as what."""

    email: Email
    role: JoinRole = "member"


class InvitationInfo(BaseModel):
    """An invitation, for those who may invite. The address is the one that they wrote."""

    id: str
    email: str
    role: JoinRole
    invited_by: str
    created_at: Timestamp
    expires_at: Timestamp


class NewJoinLink(Model):
    """What a link is good for."""

    role: Literal["guest", "member"] = "member"
    expires_in: Annotated[int, Field(ge=60, le=30 * 86_400, description="Seconds.")] = 7 * 86_400
    max_uses: Annotated[int, Field(ge=1, le=1_000)] = 100


class JoinLinkInfo(BaseModel):
    """A join link, for those who may invite; `token` is told once, when it is made."""

    id: str
    role: JoinRole
    made_by: str
    created_at: Timestamp
    expires_at: Timestamp
    uses: int
    max_uses: int
    token: str | None = Field(default=None, repr=False)


class JoinToken(Model):
    """What an invitation's mail or a join link holds."""

    token: Annotated[str, Field(min_length=1, max_length=200, repr=False, json_schema_extra=SECRET)]


class WorkspaceToken(Model):
    """The workspace that an access token is asked for."""

    workspace_id: WorkspaceId


class AccessToken(BaseModel):
    """An access token and nothing else: the session stays as it is."""

    access_token: str = Field(repr=False)
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - RFC 6750's name of the type
    expires_in: int


class PageQuery(BaseModel):
    """Where a page starts."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(pattern=ANY_ID_PATTERN)] | None = None

"""What a user takes along of what auth keeps of him."""

from pydantic import BaseModel

from functions.auth.models.api import SessionInfo, User
from functions.auth.models.audit import AuditEntry
from functions.auth.models.factors import Factors
from functions.auth.models.providers import IdentityInfo
from shared_code.clock import Timestamp
from shared_code.roles import WorkspaceRole


class ExportedMembership(BaseModel):
    """A workspace that he is in."""

    workspace_id: str
    role: WorkspaceRole
    joined_at: Timestamp


class Export(BaseModel):
    """Everything that auth keeps of a user, save secrets."""

    user: User
    sessions: list[SessionInfo]
    factors: Factors
    identities: list[IdentityInfo]
    workspaces: list[ExportedMembership]
    audit: list[AuditEntry]

"""Who is calling. Invariant: an Actor is made from a verified access token and from nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

ADMIN = "admin"
"""The role of those who run the platform."""

_NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Actor:
    """The user and the session that a verified access token names, and the user's roles then."""

    user_id: str
    session_id: str
    expires_at: datetime
    roles: frozenset[str] = frozenset()
    authenticated_at: datetime = _NEVER
    """When he last proved who he is, by password or another factor."""
    workspaces: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The workspaces that his token carries, each with his role (shared_code/roles.py)."""
    workspaces_capped: bool = False
    """Whether he is in more than it carries."""


class Admin(Actor):
    """An actor with the admin role. As a parameter's type it is a route's access rule."""


class Recent(Actor):
    """An actor who proved who he is in the last minutes. As a parameter's type it is a route's rule."""


STEP_UP_MINUTES = 10
"""How long a proof counts as recent."""

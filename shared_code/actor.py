"""Who is calling. Invariant: an Actor is made from a verified access token and from nothing else."""

from dataclasses import dataclass
from datetime import datetime

ADMIN = "admin"
"""The role of those who run the platform."""


@dataclass(frozen=True)
class Actor:
    """The user and the session that a verified access token names, and the user's roles then."""

    user_id: str
    session_id: str
    expires_at: datetime
    roles: frozenset[str] = frozenset()


class Admin(Actor):
    """An actor with the admin role. As a parameter's type it is a route's access rule."""

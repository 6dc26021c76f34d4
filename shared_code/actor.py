"""Who is calling. Invariant: an Actor is made from a verified access token and from nothing else."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Actor:
    """The user and the session that a verified access token names."""

    user_id: str
    session_id: str
    expires_at: datetime

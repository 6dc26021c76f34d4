"""Who may do what in a room, and the limits that hold there.

Invariant: pure. A rule looks at what it is given and raises, or does not.
"""

from functions.chat.errors import NotAMember, OwnerCannotLeave, RoomIsPrivate
from functions.chat.models import Member, RoomKind

SEND_SECONDS = 2.0
"""How long a send may take before the caller is told to repeat it (design: two seconds)."""

SEARCH_BEYOND_RING = 10_000
"""How many entries before the ring are searched for a repeated client id, before it is too old."""


def is_member(member: Member | None) -> bool:
    """True when the row says that the user is in the room now."""
    return member is not None and not member.left


def check_member(member: Member | None) -> None:
    """Only members read and write. Raises NotAMember."""
    if not is_member(member):
        raise NotAMember


def check_join(kind: RoomKind, member: Member | None) -> None:
    """Anyone may join a public room; a private one needs an invitation. Raises RoomIsPrivate."""
    if kind == "private" and not is_member(member):
        raise RoomIsPrivate


def check_leave(member: Member | None) -> None:
    """Members may leave, the owner may not. Raises NotAMember, OwnerCannotLeave."""
    if member is None:
        raise NotAMember
    if member.role == "owner" and not member.left:
        raise OwnerCannotLeave

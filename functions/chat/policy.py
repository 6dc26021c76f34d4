"""Who may do what in a room, and the limits that hold there.

Invariant: pure. A rule looks at what it is given and raises, or does not.
"""

from datetime import datetime, timedelta

from functions.chat.errors import NotAMember, OwnerCannotLeave, RoomIsPrivate
from functions.chat.models import Member, RoomKind
from shared_code.errors import FieldError, ValidationFailed

SEND_SECONDS = 2.0
"""How long a send may take before the caller is told to repeat it (design: two seconds)."""

SCHEDULE_AHEAD = timedelta(days=120)
"""How far ahead a message may be scheduled; as in Slack (api.slack.com, chat.scheduleMessage)."""

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


def check_schedule(send_at: datetime, now: datetime) -> None:
    """A message is scheduled for the future, and not for a far one. Raises ValidationFailed."""
    if not now < send_at <= now + SCHEDULE_AHEAD:
        message = f"must be in the future, at most {SCHEDULE_AHEAD.days} days ahead"
        raise ValidationFailed([FieldError(field="send_at", code="out_of_range", message=message)])

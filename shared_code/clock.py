"""Time. Invariant: nothing else in the app asks what time it is, and every time is UTC.

Times leave as RFC 3339 with milliseconds and a Z.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, PlainSerializer, WithJsonSchema


def utcnow() -> datetime:
    """Now, in UTC, cut to milliseconds, so that what is stored equals what is sent."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def now_ms() -> int:
    """Now, in milliseconds since 1970."""
    return round(utcnow().timestamp() * 1000)


def rfc3339(moment: datetime) -> str:
    """`2026-11-23T10:11:12.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


type Timestamp = Annotated[
    AwareDatetime,
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]

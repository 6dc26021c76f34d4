"""Cursors: where a page ended, in a form that clients pass back and do not read.

Invariant: a cursor holds a place (a seq, a room id), never a time stamp.
"""

import base64
import binascii
import re

from shared_code.errors import FieldError, ValidationFailed
from shared_code.ids import id_pattern

_SEQ = re.compile(r"[1-9][0-9]{0,12}")
_ROOM = re.compile(id_pattern("rm"))


def cursor(place: str | int) -> str:
    """The cursor for a place."""
    return base64.urlsafe_b64encode(str(place).encode()).decode().rstrip("=")


def seq_at(raw: str | None) -> int | None:
    """The seq that a cursor holds. Raises ValidationFailed."""
    return None if raw is None else int(_place(raw, _SEQ))


def room_at(raw: str | None) -> str:
    """The room id that a cursor holds; empty before the first. Raises ValidationFailed."""
    return "" if raw is None else _place(raw, _ROOM)


def _place(raw: str, shape: re.Pattern[str]) -> str:
    try:
        place = base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        place = ""
    if not shape.fullmatch(place):
        message = "is not a cursor that was given out"
        raise ValidationFailed([FieldError(field="cursor", code="invalid_cursor", message=message)])
    return place

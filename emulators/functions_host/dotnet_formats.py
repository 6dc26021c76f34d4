"""How .NET writes a moment or a GUID in a given format, as far as binding expressions can ask.

Invariant: the invariant culture, whatever the laptop's. Pure functions only.
"""

import re
import uuid
from collections.abc import Callable
from datetime import datetime

_PART = re.compile(r"(y+|M+|d+|H+|h+|m+|s+|f+|F+|t+|K|z+)|'([^']*)'|\"([^\"]*)\"|\\(.)|%|(.)")
# Standard formats, one letter each.
_STANDARD = {
    "d": "MM/dd/yyyy",
    "D": "dddd, dd MMMM yyyy",
    "g": "MM/dd/yyyy HH:mm",
    "G": "MM/dd/yyyy HH:mm:ss",
    "m": "MMMM dd",
    "M": "MMMM dd",
    "o": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "O": "yyyy-MM-ddTHH:mm:ss.fffffffK",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "s": "yyyy-MM-ddTHH:mm:ss",
    "t": "HH:mm",
    "T": "HH:mm:ss",
    "u": "yyyy-MM-dd HH:mm:ss'Z'",
    "y": "yyyy MMMM",
    "Y": "yyyy MMMM",
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT_NAME, _LONG_NAME = 3, 4
_TICK_DIGITS = 7


def moment(value: datetime, form: str) -> str:
    """Write a UTC moment in a custom format, or a standard one of one letter."""
    return _PART.sub(lambda match: _part(match, value), _STANDARD.get(form, form))


def guid(value: uuid.UUID, form: str) -> str:
    """Write a GUID in the format N, D, B or P; D when there is none."""
    dashed = str(value)
    forms = {"n": value.hex, "b": f"{{{dashed}}}", "p": f"({dashed})"}
    return forms.get(form.lower(), dashed)


def _part(match: re.Match[str], value: datetime) -> str:
    specifier = match[1]
    if specifier is None:
        return next((text for text in match.groups()[1:] if text is not None), "")
    return _WRITERS[specifier[0]](value, len(specifier))


def _padded(read: Callable[[datetime], int]) -> Callable[[datetime, int], str]:
    return lambda value, width: str(read(value)).zfill(min(width, 2))


def _year(value: datetime, width: int) -> str:
    return str(value.year).zfill(width) if width > 2 else str(value.year % 100).zfill(width)  # noqa: PLR2004 - yy and y are the two short forms


def _month(value: datetime, width: int) -> str:
    return _named(_MONTHS[value.month - 1], value.month, width)


def _day(value: datetime, width: int) -> str:
    return _named(_DAYS[value.weekday()], value.day, width)


def _named(name: str, number: int, width: int) -> str:
    if width >= _LONG_NAME:
        return name
    return name[:3] if width == _SHORT_NAME else str(number).zfill(width)


def _fraction(value: datetime, width: int) -> str:
    return f"{value.microsecond:06d}0"[: min(width, _TICK_DIGITS)]


def _half(value: datetime, width: int) -> str:
    return ("AM" if value.hour < 12 else "PM")[: min(width, 2)]  # noqa: PLR2004 - noon


def _offset(_value: datetime, width: int) -> str:
    return {1: "+0", 2: "+00"}.get(width, "+00:00")


_WRITERS: dict[str, Callable[[datetime, int], str]] = {
    "y": _year,
    "M": _month,
    "d": _day,
    "H": _padded(lambda value: value.hour),
    "h": _padded(lambda value: value.hour % 12 or 12),
    "m": _padded(lambda value: value.minute),
    "s": _padded(lambda value: value.second),
    "f": _fraction,
    "F": lambda value, width: _fraction(value, width).rstrip("0"),
    "t": _half,
    "K": lambda _value, _width: "Z",
    "z": _offset,
}

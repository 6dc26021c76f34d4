"""Spans of time as people write them: ``90``, ``1.5s``, ``250ms``, ``1h30m``.

Invariant: a span is a finite number of seconds, zero or more; anything else is a ValueError.
"""

import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])", re.ASCII)
_SPAN = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
MAX_SECONDS = 10 * 366 * 86400.0


def parse_duration(text: str) -> float:
    """Return the seconds."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        seconds = float(text)
    elif _SPAN.fullmatch(text):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    else:
        raise ValueError("must be a span of time such as 90, 1.5s, 250ms or 1h30m")
    if seconds > MAX_SECONDS:
        raise ValueError("must be ten years at most")
    return seconds

"""ISO 8601 durations, as far as the format uses them: `PT1M30S`, `P1D`. Invariant: pure."""

import re
from datetime import timedelta

_DURATION = re.compile(
    r"^P(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?$"
)


def parse_duration(text: object) -> timedelta:
    """The time that the text means. Raises ValueError."""
    match = _DURATION.match(text) if isinstance(text, str) else None
    if match is None or text in {"P", "PT"} or str(text).endswith("T"):
        raise ValueError(f"{text!r} is no duration such as PT1M")
    return timedelta(**{name: float(value) for name, value in match.groupdict().items() if value})

"""NCRONTAB expressions, as NCrontab reads them for timer triggers.

Six fields with the seconds first, or five without. Invariant: day of month AND day of week must both
fit, unlike in Unix cron, which takes either.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from emulators.functions_host.host_json import HostJsonError, time_span
from emulators.functions_host.model import BindingError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
_WITHOUT_SECONDS = 5
_ITEM = re.compile(r"(?P<low>\*|[0-9a-z]+)(?:-(?P<high>[0-9a-z]+))?(?:/(?P<step>\d+))?")
_NAME_LENGTH = 3
# 29 February on a given weekday comes round within 28 years, or 40 across 2100.
_MOST_DAYS = 366 * 41


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression: the allowed values of each field."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def next_after(self, moment: datetime) -> datetime:
        """Return the first occurrence later than the moment.

        Raises:
            ValueError: if there is none, such as on 31 February.
        """
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        day = start.replace(hour=0, minute=0, second=0)
        for _ in range(_MOST_DAYS):
            if self._on(day):
                earliest = start if day.date() == start.date() else day
                if (found := self._time_on(day, earliest)) is not None:
                    return found
            day += timedelta(days=1)
        raise ValueError("the schedule never occurs")

    def _on(self, day: datetime) -> bool:
        return (
            day.month in self.months
            and day.day in self.days
            and day.isoweekday() % 7 in self.weekdays
        )

    def _time_on(self, day: datetime, earliest: datetime) -> datetime | None:
        for hour in self.hours:
            if hour < earliest.hour:
                continue
            for minute in self.minutes:
                if (hour, minute) < (earliest.hour, earliest.minute):
                    continue
                for second in self.seconds:
                    found = day.replace(hour=hour, minute=minute, second=second)
                    if found >= earliest:
                        return found
        return None


@dataclass(frozen=True, slots=True)
class Interval:
    """A TimeSpan in place of an expression: run, wait so long, run."""

    length: timedelta

    def next_after(self, moment: datetime) -> datetime:
        """Return the moment plus the interval."""
        return moment + self.length


type Schedule = Cron | Interval


def parse(text: str) -> Schedule:
    """Read a timer's schedule.

    Raises:
        BindingError: if it is neither an expression nor a TimeSpan; the message says which field.
    """
    if ":" in text:
        try:
            return Interval(timedelta(seconds=time_span(text.strip(), "schedule")))
        except HostJsonError as error:
            raise BindingError(str(error)) from error
    fields = text.lower().split()
    if len(fields) == _WITHOUT_SECONDS:
        fields.insert(0, "0")
    if len(fields) != len(_FIELDS):
        raise BindingError(
            f"the schedule {text!r} needs six fields (second minute hour day month weekday)"
        )
    values = [_field(field, *spec) for field, spec in zip(fields, _FIELDS, strict=True)]
    second, minute, hour, day, month, weekday = values
    return Cron(
        seconds=tuple(sorted(second)),
        minutes=tuple(sorted(minute)),
        hours=tuple(sorted(hour)),
        days=frozenset(day),
        months=frozenset(month),
        weekdays=frozenset(weekday),
    )


def _field(text: str, name: str, low: int, high: int, names: tuple[str, ...]) -> set[int]:
    values: set[int] = set()
    for item in text.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise BindingError(f"the schedule's {name} {item!r} is no value, range or step")
        step = int(match["step"] or 1)
        first, last = low, high
        if match["low"] != "*":
            first = _value(match["low"], name, low, names)
            last = _value(match["high"], name, low, names) if match["high"] else first
            # "5/15" means from 5 to the end.
            last = high if match["step"] and not match["high"] else last
        if not low <= first <= last <= high or step < 1:
            raise BindingError(f"the schedule's {name} {item!r} is outside {low}-{high}")
        values.update(range(first, last + 1, step))
    return values


def _value(text: str, name: str, low: int, names: tuple[str, ...]) -> int:
    if text.isdigit():
        return int(text)
    short = text[:_NAME_LENGTH]
    if short not in names:
        raise BindingError(f"the schedule's {name} {text!r} is not a number or a known name")
    return names.index(short) + low

"""NCRONTAB schedules."""

from datetime import UTC, datetime, timedelta

import pytest

from emulators.functions_host.model import BindingError
from emulators.functions_host.triggers.ncrontab import parse

START = datetime(2026, 11, 23, 12, 34, 56, 789, tzinfo=UTC)  # a Monday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * * * * *", "2026-11-23T12:34:57"),
        ("0 * * * * *", "2026-11-23T12:35:00"),
        ("*/15 * * * * *", "2026-11-23T12:35:00"),
        ("5/20 * * * * *", "2026-11-23T12:35:05"),
        ("0 */5 * * * *", "2026-11-23T12:35:00"),
        ("*/5 * * * *", "2026-11-23T12:35:00"),
        ("0 30 9 * * *", "2026-11-24T09:30:00"),
        ("0 0 13-15 * * *", "2026-11-23T13:00:00"),
        ("0 0 8,18 * * *", "2026-11-23T18:00:00"),
        ("0 0 0 1 * *", "2026-12-01T00:00:00"),
        ("0 0 0 1 JAN *", "2027-01-01T00:00:00"),
        ("0 0 0 1 january *", "2027-01-01T00:00:00"),
        ("0 0 0 * * MON", "2026-11-30T00:00:00"),
        ("0 0 0 * * Mon-Fri", "2026-11-24T00:00:00"),
        ("0 0 0 * * 0", "2026-11-29T00:00:00"),
        ("0 0 0 29 2 *", "2028-02-29T00:00:00"),
        ("58 34 12 23 11 *", "2026-11-23T12:34:58"),
        ("56 34 12 23 11 *", "2027-11-23T12:34:56"),
    ],
)
def test_the_next_occurrence(text: str, expected: str) -> None:
    assert parse(text).next_after(START) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_day_of_month_and_day_of_week_must_both_fit() -> None:
    found = parse("0 0 0 13 * FRI").next_after(START)
    assert (found.day, found.isoweekday()) == (13, 5)
    assert found == datetime(2027, 8, 13, tzinfo=UTC)


def test_a_time_span_is_an_interval() -> None:
    assert parse("00:00:30").next_after(START) == START + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("* * *", "needs six fields"),
        ("60 * * * * *", "second '60' is outside 0-59"),
        ("0 0 0 * * 7", "day of week '7' is outside 0-6"),
        ("0 0 0 0 * *", "day of month '0'"),
        ("0 0 0 L * *", "is not a number or a known name"),
        ("0 0 0 ? * *", "is no value, range or step"),
        ("*/0 * * * * *", "second"),
        ("5-1 * * * * *", "second"),
        ("00:xx", "must be a time"),
    ],
)
def test_a_wrong_schedule_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(BindingError, match=words):
        parse(text)


def test_a_day_that_never_comes_is_an_error() -> None:
    with pytest.raises(ValueError, match="never occurs"):
        parse("0 0 0 31 2 *").next_after(START)

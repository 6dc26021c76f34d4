"""Times are UTC, of whole milliseconds, and leave as RFC 3339 with a Z."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from shared_code.clock import Timestamp, rfc3339, utcnow


class Stamped(BaseModel):
    at: Timestamp


def test_now_is_in_utc_and_has_whole_milliseconds() -> None:
    now = utcnow()
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=5)


def test_what_is_stored_equals_what_is_sent() -> None:
    now = utcnow()
    assert datetime.fromisoformat(rfc3339(now)) == now


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 11, 23, 10, 11, 12, 123000, UTC), "2026-11-23T10:11:12.123Z"),
        (datetime(2026, 11, 23, 10, 11, 12, 0, UTC), "2026-11-23T10:11:12.000Z"),
        (
            datetime(2026, 11, 23, 1, 30, tzinfo=timezone(timedelta(hours=2))),
            "2026-11-22T23:30:00.000Z",
        ),
    ],
)
def test_a_time_leaves_as_utc_with_milliseconds(moment: datetime, expected: str) -> None:
    assert rfc3339(moment) == expected
    assert Stamped(at=moment).model_dump_json() == f'{{"at":"{expected}"}}'


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValidationError):
        Stamped.model_validate_json('{"at": "2026-11-23T10:11:12.123"}')


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_sort_as_their_texts_do(moment: datetime) -> None:
    later = moment.replace(microsecond=0) + timedelta(milliseconds=1)
    assert rfc3339(moment.replace(microsecond=0)) < rfc3339(later)

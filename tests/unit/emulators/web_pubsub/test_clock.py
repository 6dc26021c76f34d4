"""The clock: what an advance does to dates, timers and tokens."""

import asyncio
import time

import jwt
import pytest

from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.tokens import InvalidTokenError, read_token

KEY, SECOND = b"k" * 32, b"s" * 32
HOUR = 3600


def token(key: bytes = KEY, **dates: float) -> str:
    return jwt.encode({"sub": "u", **dates}, key, algorithm="HS256")


def test_both_kinds_of_time_advance() -> None:
    clock = Clock(lambda: 1000.0, lambda: 5.0)
    clock.jump(HOUR, at=1000)
    clock.jump(1, at=1000)
    assert (clock.now(), clock.monotonic(), clock.advanced) == (4601.0, 3606.0, 3601.0)


async def test_a_timer_fires_when_its_moment_has_come_by_an_advance() -> None:
    clock = Clock()
    fired = asyncio.Event()
    late: list[str] = []
    clock.call_later(HOUR, fired.set)
    clock.call_later(2 * HOUR, late.append, "late")
    clock.jump(HOUR, at=time.time())
    await asyncio.wait_for(fired.wait(), 5)
    assert late == []


async def test_a_cancelled_timer_does_not_come_back_with_an_advance() -> None:
    clock = Clock()
    late: list[str] = []
    clock.call_later(1, late.append, "late").cancel()
    clock.jump(HOUR, at=time.time())
    await clock.sleep(0)
    assert late == []


async def test_sleepers_wake_up() -> None:
    clock = Clock()
    sleeping = asyncio.create_task(clock.sleep(HOUR))
    await asyncio.sleep(0)
    clock.jump(HOUR, at=time.time())
    await asyncio.wait_for(sleeping, 5)


def test_a_token_ages_by_what_was_advanced_after_it_was_issued() -> None:
    now = 1_000_000.0
    clock = Clock(lambda: now)
    old = token(iat=now - 60, exp=now + HOUR)
    undated = token(exp=now + HOUR)
    clock.jump(HOUR + 600, at=now)
    with pytest.raises(InvalidTokenError):
        read_token(old, [KEY], clock)
    assert read_token(token(iat=now, exp=now + 60), [KEY], clock)
    assert read_token(undated, [KEY], clock)


def test_an_hour_ends_an_hours_token_without_the_allowance_for_clocks_that_differ() -> None:
    now = 1_000_000.0
    clock = Clock(lambda: now)
    assert read_token(token(iat=now - HOUR - 60, exp=now - 60), [KEY], clock)
    fresh = token(iat=now - 1, exp=now - 1 + HOUR)
    clock.jump(HOUR, at=now)
    with pytest.raises(InvalidTokenError):
        read_token(fresh, [KEY], clock)


async def test_an_advance_divides_the_tokens_before_it_from_those_after_it() -> None:
    clock = Clock()
    before = token(iat=int(time.time()), exp=int(time.time()) + HOUR)
    await clock.advance(2 * HOUR)
    after = token(iat=int(time.time()), exp=int(time.time()) + 60)
    with pytest.raises(InvalidTokenError):
        read_token(before, [KEY], clock)
    assert read_token(after, [KEY], clock)


def test_a_token_is_believed_by_either_key_and_by_no_other() -> None:
    dates = {"iat": time.time(), "exp": time.time() + 60}
    for key in (KEY, SECOND):
        assert read_token(token(key, **dates), [KEY, SECOND], Clock())
    with pytest.raises(InvalidTokenError):
        read_token(token(b"x" * 32, **dates), [KEY, SECOND], Clock())


@pytest.mark.parametrize("issued_at", ["x", None, [], True])
def test_an_odd_date_of_issue_counts_as_none(issued_at: object) -> None:
    claims = {"exp": time.time() + 60, "iat": issued_at}
    assert read_token(jwt.encode(claims, KEY, algorithm="HS256"), [KEY], Clock())

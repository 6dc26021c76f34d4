"""The sliding log against its own definition: in any stretch of a window's length at most so many uses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_code.limits import Limit, Window
from shared_code.limits.log import Log, parsed

NOW = 1_795_000_000_000
THREE = Limit("three", (Window(3, 10),))


def use(limit: Limit, log: Log, *moments: int) -> Log:
    for moment in moments:
        log, _ = log.recent(limit, moment).used(limit, moment)
    return log


def test_the_next_use_is_free_when_the_oldest_leaves_the_window() -> None:
    log = use(THREE, Log(), NOW, NOW + 4000, NOW + 4000)
    refusal = log.refusal(THREE, NOW + 5001)
    assert refusal is not None
    assert (refusal.wait_ms, refusal.seconds) == (4999, 5)
    assert log.refusal(THREE, NOW + 9999) is not None
    assert log.refusal(THREE, NOW + 10_000) is None
    assert use(THREE, log, NOW + 10_000).refusal(THREE, NOW + 13_999) is not None


def test_of_several_windows_the_one_that_lasts_longest_is_told() -> None:
    limit = Limit("second_factor", (Window(2, 10), Window(3, 100)))
    log = use(limit, Log(), NOW, NOW + 20_000)
    assert log.refusal(limit, NOW + 20_000) is None
    log = use(limit, log, NOW + 20_000)
    refusal = log.refusal(limit, NOW + 20_000)
    assert refusal is not None
    assert (refusal.window, refusal.wait_ms) == (Window(3, 100), 80_000)


def test_what_is_given_back_frees_its_place_and_once_only() -> None:
    log = use(THREE, Log(), NOW, NOW + 1, NOW + 2)
    assert log.without(NOW + 1).refusal(THREE, NOW + 2) is None
    assert log.without(NOW + 1).without(NOW + 1) == use(THREE, Log(), NOW, NOW + 2)
    assert log.without(NOW + 99) == log


def test_a_large_limit_stays_small_and_is_never_exceeded() -> None:
    limit = Limit("everybody", (Window(1000, 300),))
    log, granted = Log(), list[int]()
    for moment in range(NOW, NOW + 900_000, 137):
        log = log.recent(limit, moment)
        if log.refusal(limit, moment) is None:
            log, _ = log.used(limit, moment)
            granted.append(moment)
    assert max(sum(0 <= at - first < 300_000 for at in granted) for first in granted) == 1000
    assert len(granted) >= 2 * 1000
    assert len(log.entries) <= 101
    assert parsed(log.text()) == log


@given(
    windows=st.lists(
        st.builds(Window, st.integers(1, 6), st.integers(1, 5)), min_size=1, max_size=3
    ),
    steps=st.lists(st.integers(0, 2500), max_size=60),
    clock_skew=st.integers(-300, 300),
)
def test_no_stretch_of_time_ever_holds_more_than_allowed_and_a_wait_is_exact(
    windows: list[Window], steps: list[int], clock_skew: int
) -> None:
    limit, log, granted, moment = Limit("any", tuple(windows)), Log(), list[int](), NOW + clock_skew
    for step in steps:
        moment += step
        log = log.recent(limit, moment)
        refusal = log.refusal(limit, moment)
        if refusal is None:
            log, _ = log.used(limit, moment)
            granted.append(moment)
        else:
            assert log.refusal(limit, moment + refusal.wait_ms - 1) is not None
            assert log.refusal(limit, moment + refusal.wait_ms) is None
    for most, seconds in windows:
        for first in granted:
            assert sum(0 <= at - first < seconds * 1000 for at in granted) <= most


@pytest.mark.parametrize(
    ("name", "windows"),
    [
        ("Upper", (Window(1, 1),)),
        ("a/b", (Window(1, 1),)),
        ("", (Window(1, 1),)),
        ("none", ()),
        ("zero", (Window(0, 1),)),
        ("instant", (Window(1, 0),)),
        ("wide", (Window(5000, 1), Window(5000, 10_000))),
    ],
)
def test_a_limit_that_cannot_be_kept_cannot_be_made(name: str, windows: tuple[Window, ...]) -> None:
    with pytest.raises(ValueError, match=name or "no name"):
        Limit(name, windows)

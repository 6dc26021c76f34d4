"""Ids sort by the time they were made, look like their pattern, and may carry a number."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_code import ids
from shared_code.ids import derived_id, id_pattern, keyed_id, new_id, number_of, numbered_id

NUMBERS = st.integers(min_value=0, max_value=2**40 - 1)


class Clock:
    """A stand-in for the `time` module, for ids made at a chosen millisecond."""

    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds

    def time_ns(self) -> int:
        return self.milliseconds * 1_000_000


@given(st.integers(min_value=0, max_value=2**48 - 2), NUMBERS)
def test_an_id_made_later_sorts_later_whatever_it_carries(millisecond: int, number: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock(millisecond)
        patch.setattr(ids, "time", clock)
        earlier = [new_id("rm"), numbered_id("rm", number)]
        clock.milliseconds += 1
        later = [new_id("rm"), numbered_id("rm", 2**40 - 1 - number)]
    assert max(earlier) < min(later)


@given(NUMBERS)
def test_a_numbered_id_gives_its_number_back(number: int) -> None:
    assert number_of(numbered_id("msg", number)) == number


@given(NUMBERS)
def test_every_id_matches_the_pattern_of_its_prefix(number: int) -> None:
    assert re.match(id_pattern("rm"), new_id("rm"))
    assert re.match(id_pattern("msg"), numbered_id("msg", number))


@pytest.mark.parametrize("number", [-1, 2**40])
def test_a_number_that_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        numbered_id("msg", number)


@pytest.mark.parametrize(
    "stranger",
    [
        "rm_",
        "usr_01k9zzzzzzzzzzzzzzzzzzzzzz",
        "rm_01K9ZZZZZZZZZZZZZZZZZZZZZZ",
        "rm_01k9zzzzzzzzzzzzzzzzzzzzzzz",
        "rm_ilou0000000000000000000000",
        "xrm_01k9zzzzzzzzzzzzzzzzzzzzzz",
    ],
)
def test_what_is_not_an_id_of_the_prefix_does_not_match(stranger: str) -> None:
    assert re.match(id_pattern("rm"), stranger) is None


def test_ids_of_the_same_moment_differ() -> None:
    made = {new_id("evt") for _ in range(1000)} | {numbered_id("evt", 7) for _ in range(1000)}
    assert len(made) == 2000


def test_a_key_gives_one_id_for_each_use_and_no_key_a_new_one() -> None:
    keyed = keyed_id("fil", "usr_1", "key")
    assert keyed == keyed_id("fil", "usr_1", "key") == derived_id("fil", "usr_1 key")
    assert len({keyed, keyed_id("fil", "usr_2", "key"), keyed_id("fil", "usr_1", "other")}) == 3
    assert keyed_id("fil", "usr_1", None) != keyed_id("fil", "usr_1", None)

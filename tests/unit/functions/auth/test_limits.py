"""The table of auth's limits, and how a deployment changes its numbers."""

import pytest

from functions.auth.limits import _DEFAULTS, OVERRIDES
from shared_code.errors import InvalidSetting
from shared_code.limits import Limit, Window, named


def _limits(text: str) -> dict[str, Limit]:
    return named._limits(OVERRIDES, text, _DEFAULTS)


def test_the_numbers_are_those_that_the_documentation_gives() -> None:
    limits = _limits("")
    assert limits["login"].windows == (Window(10, 300),)
    assert limits["login_everybody"].windows == (Window(1000, 300),)
    assert limits["second_factor"].windows == (Window(5, 300), Window(20, 3600), Window(50, 86400))
    assert limits["refresh_network"].windows == (Window(150, 300),)
    assert limits["mail"].windows == (Window(3, 3600),)


def test_a_deployment_may_have_other_numbers_for_some() -> None:
    limits = _limits(" registration_network = 500/300 ; mail=5/3600,9/86400;")
    assert limits["registration_network"].windows == (Window(500, 300),)
    assert limits["mail"].windows == (Window(5, 3600), Window(9, 86400))
    assert limits["login"] == _limits("")["login"]


@pytest.mark.parametrize(
    "overrides",
    [
        "login",
        "login=",
        "login=10",
        "nobody=1/1",
        "login=0/300",
        "login=1/0",
        "login=-1/3",
        "login=1e3/1",
    ],
)
def test_numbers_that_cannot_be_used_are_told_and_lift_no_limit(overrides: str) -> None:
    with pytest.raises(InvalidSetting, match="AUTH_LIMITS"):
        _limits(overrides)

"""A service's limits by name, and a deployment's own numbers instead: never fewer limits than there were."""

import pytest

from shared_code.errors import InvalidSetting
from shared_code.limits import Window, named_limits

NAME = "SOME_LIMITS"
DEFAULTS = {"mail": (Window(3, 3600),), "guess": (Window(5, 300), Window(20, 3600))}


def windows(monkeypatch: pytest.MonkeyPatch, text: str | None) -> dict[str, tuple[Window, ...]]:
    if text is None:
        monkeypatch.delenv(NAME, raising=False)
    else:
        monkeypatch.setenv(NAME, text)
    return {name: each.windows for name, each in named_limits(NAME, DEFAULTS).items()}


@pytest.mark.parametrize("text", [None, "", " ", ";", " ; "])
def test_without_a_word_the_defaults_hold(
    monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    assert windows(monkeypatch, text) == DEFAULTS


@pytest.mark.parametrize(
    "text", ["mail=5/60", " mail = 5/60 ;", "mail=1/1;mail=5/60", ";mail=5/60;;"]
)
def test_what_is_named_changes_and_all_else_stays(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    assert windows(monkeypatch, text) == {**DEFAULTS, "mail": (Window(5, 60),)}


def test_a_limit_may_have_several_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    found = windows(monkeypatch, "mail=5/60, 9/86400")
    assert found["mail"] == (Window(5, 60), Window(9, 86_400))


def test_a_limit_bears_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    assert {name: each.name for name, each in named_limits(NAME, DEFAULTS).items()} == {
        "mail": "mail",
        "guess": "guess",
    }


@pytest.mark.parametrize(
    "text",
    [
        "mails=5/60",
        "mail",
        "mail=",
        "mail=5",
        "mail=5/",
        "mail=/60",
        "mail=0/60",
        "mail=5/0",
        "mail=-5/60",
        "mail=5/60,",
        "mail=5/60,x",
        "mail=\u0665/60",
        "mail=5.0/60",
        "mail=5/60/2",
        "mail=12345678/60",
        "mail=5000/1,5000/9999999",
        "mail=5/60 guess=1/1",
        "=5/60",
    ],
)
def test_what_is_mistyped_makes_every_use_fail_each_time(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(NAME, text)
    for _ in range(2):
        with pytest.raises(InvalidSetting, match=NAME):
            named_limits(NAME, DEFAULTS)


def test_a_setting_that_changes_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    assert windows(monkeypatch, "mail=1/1")["mail"] == (Window(1, 1),)
    assert windows(monkeypatch, "mail=2/2")["mail"] == (Window(2, 2),)
    assert windows(monkeypatch, "mail=1/1")["mail"] == (Window(1, 1),)

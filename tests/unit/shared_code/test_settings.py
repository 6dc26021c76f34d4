"""Settings are read when they are used; a missing one is told to the log and not to the client."""

import pytest

from shared_code.errors import NotConfigured
from shared_code.settings import enabled_services, optional_setting, setting

ALL = ("auth", "chat", "realtime")


def test_a_setting_is_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("first", "second"):
        monkeypatch.setenv("CHAT_STORAGE", value)
        assert setting("CHAT_STORAGE") == value
        assert optional_setting("CHAT_STORAGE") == value


def test_a_missing_or_empty_setting_is_not_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAT_STORAGE", raising=False)
    with pytest.raises(NotConfigured):
        setting("CHAT_STORAGE")
    assert optional_setting("CHAT_STORAGE") is None
    monkeypatch.setenv("CHAT_STORAGE", "")
    with pytest.raises(NotConfigured):
        setting("CHAT_STORAGE")
    assert optional_setting("CHAT_STORAGE") is None


def test_the_name_of_a_missing_setting_is_for_the_log_only() -> None:
    error = NotConfigured("CHAT_STORAGE")
    assert "CHAT_STORAGE" in str(error)
    assert error.detail is None
    assert "CHAT_STORAGE" not in error.title


@pytest.mark.parametrize(
    ("wanted", "served"),
    [
        (None, ALL),
        ("", ALL),
        (" , ", ALL),
        ("chat", ("chat",)),
        ("realtime, auth", ("auth", "realtime")),
        ("chat,chat,", ("chat",)),
    ],
)
def test_the_enabled_services_are_those_that_the_setting_names(
    monkeypatch: pytest.MonkeyPatch, wanted: str | None, served: tuple[str, ...]
) -> None:
    monkeypatch.delenv("ATRIUM_SERVICES", raising=False)
    if wanted is not None:
        monkeypatch.setenv("ATRIUM_SERVICES", wanted)
    assert enabled_services(ALL) == served


def test_a_service_that_does_not_exist_is_an_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ATRIUM_SERVICES", "chat,chatter,mail")
    with pytest.raises(ValueError, match="chatter, mail"):
        enabled_services(ALL)

"""What auth's unit tests need: settings that would be good enough to run with."""

import pytest


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_ISSUER", "https://atrium.example")
    monkeypatch.setenv("AUTH_KEY_ENCRYPTION_KEY", "a" * 43)

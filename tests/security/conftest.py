"""What attacks on a running stack need: its API, and tokens that are hostile though well signed."""

import pytest

from functions.auth import store
from functions.auth.keys import KeyRing
from shared_code.storage import close_all
from tests.e2e.conftest import api
from tests.e2e.files.conftest import files
from tests.harness.api import Api
from tests.harness.stack import Stack
from tests.security.forging import Forger

__all__ = ["api", "files"]

_SETTINGS = ("AUTH_STORAGE", "AUTH_PUBLISHED_STORAGE", "AUTH_KEY_ENCRYPTION_KEY")


@pytest.fixture
def as_operator(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the operator of the stack has: its tables, and the secret that opens its keys."""
    for name in _SETTINGS:
        monkeypatch.setenv(name, stack.settings[name])


@pytest.fixture
async def ring(as_operator: None) -> KeyRing:  # noqa: ARG001 - asked for its settings
    """The stack's signing keys. No attacker has them: what they sign is wrong in nothing but the rest."""
    try:
        return await store.load_ring()
    finally:
        await close_all()


@pytest.fixture
async def forger(api: Api, ring: KeyRing) -> Forger:
    """Makes tokens like the good one of a new user."""
    return Forger.like((await api.user()).token, ring.current.private)

"""Chat on a real Azurite: its settings and tables, and a store that fails when told.

Clients and caches live as long as a process, a test's event loop does not: each test starts and ends
without any.
"""

from collections.abc import AsyncIterator

import pytest

from functions.chat import commands, store
from shared_code import live
from shared_code.storage import close_all
from tests.harness.faulty_store import FaultyStore, faulty_store

SETTINGS = ("CHAT_STORAGE", "MESSAGING_STORAGE")


@pytest.fixture(autouse=True)
async def _provisioned(azurite: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    for name in SETTINGS:
        monkeypatch.setenv(name, azurite)
    for name in ("let_hear", "stop_hearing"):
        monkeypatch.setattr(live, name, _nobody_is_connected)
    forget()
    await store.provision()
    yield
    forget()
    await close_all()


async def _nobody_is_connected(user_id: str, room_id: str) -> None:
    """Web PubSub has tests of its own, in tests/integration/realtime."""


def forget() -> None:
    """Forget the writers and hints that a process keeps."""
    commands._writers.cache_clear()
    commands._hints.cache_clear()


@pytest.fixture
async def faulty(
    azurite: str, _provisioned: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FaultyStore]:
    """The tables of chat behind a proxy that spoils what it is told to."""
    async with faulty_store(azurite) as proxy:
        await close_all()
        monkeypatch.setenv("CHAT_STORAGE", proxy.connection_string(azurite))
        yield proxy
        await close_all()

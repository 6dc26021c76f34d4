"""Chat on a real Azurite: its settings and tables, and a store that fails when told.

Clients and caches live as long as a process, a test's event loop does not: each test starts and ends
without any.
"""

from collections.abc import AsyncIterator

import pytest

from functions.chat import commands, projector, store
from functions.chat.events import RoomLogAppended
from functions.chat.models import LogEntry
from shared_code import live
from shared_code.messaging import Event
from shared_code.storage import close_all
from tests.harness.faulty_store import FaultyStore, faulty_store


@pytest.fixture
def told() -> list[LogEntry]:
    """What chat tells the other services, in the order of telling. The bus has tests of its own."""
    return []


@pytest.fixture(autouse=True)
async def _provisioned(
    azurite: str, told: list[LogEntry], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    async def publish(event: Event[RoomLogAppended]) -> None:
        told.extend(event.data.entries)

    monkeypatch.setenv("CHAT_STORAGE", azurite)
    monkeypatch.setattr(commands, "publish", publish)
    monkeypatch.setattr(projector, "publish", publish)
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
    """Forget what a process keeps: writers, hints, marks, cursors, and what the walk remembers."""
    commands._writers.cache_clear()
    commands._hints.cache_clear()
    store.ledger.cache_clear()
    store.cursors.cache_clear()
    projector.walker.cache_clear()


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

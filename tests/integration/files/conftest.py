"""Files on a real Azurite: its settings, its tables and containers, a clock to set, a store that fails.

Clients and caches live as long as a process, a test's event loop does not: each test starts and ends
without any. Not for all tests of the folder: a module asks for `provisioned`.
"""

import sys
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from azure.core.pipeline.transport import AioHttpTransport

from functions.files import limits, store
from functions.files.commands import changing, checking, erasing, purging, sweeping
from functions.files.store import addresses, index, outboxes
from shared_code.clock import utcnow
from shared_code.messaging import Event
from shared_code.outbox import OutboxRows
from shared_code.storage import close_all
from tests.harness.faulty_store import FaultyStore, faulty_store

SETTINGS = {
    "FILES_STORE_CAPABILITIES": "none",
    "FILES_SCANNER": "eicar:",
    "FILES_SECRET": "integration-tests-have-no-links-to-keep",
    "FILE_TICKET_SECRET": "integration-tests-have-no-secrets-to-keep",
}

type Clock = Callable[[datetime | timedelta], None]


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Event[Any]]:
    """What files gives to the bus at once. The bus has tests of its own."""
    events: list[Event[Any]] = []

    async def publish(event: Event[Any], _session_id: str | None = None) -> None:
        events.append(event)

    for module in (erasing, purging, sweeping):
        monkeypatch.setattr(module, "publish", publish)
    return events


@pytest.fixture
async def provisioned(
    azurite: str,
    published: list[Event[Any]],  # noqa: ARG001 - nothing goes to a bus
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[None]:
    """Files' tables, containers and queue."""
    monkeypatch.setenv("FILES_STORAGE", azurite)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    # The bus has tests of its own; what waits to be told stays in the rows, where a test can read it.
    monkeypatch.setattr(OutboxRows, "tell_soon", lambda *_: None)
    forget()
    await store.provision()
    yield
    forget()
    await close_all()


def forget() -> None:
    """Forget what a process keeps: places, keys, marks, and where items are."""
    for each in (
        checking.checks,
        checking.inspections,
        checking._scanner,
        addresses._delegated,
        outboxes.ledger,
        outboxes.outbox,
        outboxes.walker,
        limits._limiter,
    ):
        each.cache_clear()
    index._drives.clear()
    changing._turns.clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Set the clock of files: to a moment, or ahead by so much. The store keeps its own."""

    def set_to(when: datetime | timedelta) -> None:
        moment = utcnow() + when if isinstance(when, timedelta) else when
        for name, module in list(sys.modules.items()):
            if name.startswith("functions.files") and hasattr(module, "utcnow"):
                monkeypatch.setattr(module, "utcnow", lambda: moment)

    return set_to


@pytest.fixture
async def faulty(
    azurite: str,
    provisioned: None,  # noqa: ARG001 - its tables are those behind the proxy
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[FaultyStore]:
    """The tables of files behind a proxy that spoils what it is told to."""
    async with faulty_store(azurite) as proxy:
        await close_all()
        monkeypatch.setenv("FILES_STORAGE", proxy.connection_string(azurite))
        yield proxy
        await close_all()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every request that leaves the app for storage, as `METHOD url`."""
    requests: list[str] = []
    send = AioHttpTransport.send

    async def counted(self: Any, request: Any, **options: Any) -> Any:
        requests.append(f"{request.method} {request.url}")
        return await send(self, request, **options)

    monkeypatch.setattr(AioHttpTransport, "send", counted)
    return requests

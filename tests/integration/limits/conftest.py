"""A table of its own for each test of limits, on a real Azurite, and what leaves for it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableClient

from shared_code.ids import new_id
from shared_code.limits import Limiter
from shared_code.storage import close_all, create_tables, table

SETTING = "LIMITS_STORAGE"


@pytest.fixture
async def rows(azurite: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TableClient]:
    monkeypatch.setenv(SETTING, azurite)
    name = new_id("t").replace("_", "")
    await create_tables(SETTING, name)
    yield table(SETTING, name)
    await close_all()


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ms = 1_795_000_000_000

    def __call__(self) -> int:
        return self.ms

    def pass_seconds(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def process(rows: TableClient, clock: Clock) -> Callable[[], Limiter]:
    """A limiter as another process would have it: with no memory of what others did."""
    return lambda: Limiter(lambda: rows, clock)


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every request that leaves for storage, by its method."""
    sent: list[str] = []
    send = AioHttpTransport.send

    async def counted(self: Any, request: Any, **options: Any) -> Any:
        sent.append(request.method)
        return await send(self, request, **options)

    monkeypatch.setattr(AioHttpTransport, "send", counted)
    return sent

"""Readiness asks every probe side by side, and takes no answer for an answer of its own."""

import asyncio
import logging

import pytest

from shared_code import readiness
from shared_code.readiness import Readiness


@pytest.fixture
def ready() -> Readiness:
    return Readiness()


async def answers() -> None:
    """A dependency that is up."""


async def fails() -> None:
    raise ConnectionError("refused")


async def hangs() -> None:
    await asyncio.Event().wait()


async def test_nothing_registered_is_nothing_down(ready: Readiness) -> None:
    assert await ready.check() == {}


async def test_each_dependency_is_reported_by_its_name(ready: Readiness) -> None:
    ready.depends_on("tables", answers)
    ready.depends_on("queues", fails)
    assert await ready.check() == {"tables": True, "queues": False}


async def test_a_failing_probe_says_why_in_the_log(
    ready: Readiness, caplog: pytest.LogCaptureFixture
) -> None:
    ready.depends_on("queues", fails)
    with caplog.at_level(logging.WARNING, logger="atrium.readiness"):
        await ready.check()
    [record] = caplog.records
    assert record.getMessage() == "queues does not answer"
    assert record.exc_info
    assert isinstance(record.exc_info[1], ConnectionError)


async def test_a_dependency_that_hangs_is_down_after_its_time(
    ready: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_PROBE_SECONDS", 0.02)
    ready.depends_on("live", hangs)
    ready.depends_on("tables", answers)
    assert await ready.check() == {"live": False, "tables": True}


async def test_dependencies_are_asked_side_by_side(ready: Readiness) -> None:
    meeting = asyncio.Barrier(2)

    async def meets() -> None:
        await meeting.wait()

    ready.depends_on("tables", meets)
    ready.depends_on("queues", meets)
    assert await ready.check() == {"tables": True, "queues": True}


async def test_the_caller_can_give_up_waiting(ready: Readiness) -> None:
    ready.depends_on("live", hangs)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ready.check(), 0.02)


async def test_however_many_ask_a_round_is_shared_and_remembered_for_a_second(
    ready: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    async def counts() -> None:
        asked.append(1)

    ready.depends_on("tables", counts)
    await asyncio.gather(*(ready.check() for _ in range(10)))
    await ready.check()
    assert len(asked) == 1
    monkeypatch.setattr(readiness, "_ROUND_SECONDS", 0.0)
    await ready.check()
    assert len(asked) == 2

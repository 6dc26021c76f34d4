"""Readiness asks every probe side by side, and takes no answer for an answer of its own."""

import asyncio
import logging

import pytest

from shared_code import readiness
from shared_code.readiness import Probe, check, depends_on


@pytest.fixture(autouse=True)
def probes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Probe]:
    registered: dict[str, Probe] = {}
    monkeypatch.setattr(readiness, "PROBES", registered)
    return registered


async def answers() -> None:
    """A dependency that is up."""


async def fails() -> None:
    raise ConnectionError("refused")


async def hangs() -> None:
    await asyncio.Event().wait()


async def test_nothing_registered_is_nothing_down() -> None:
    assert await check() == {}


async def test_each_dependency_is_reported_by_its_name() -> None:
    depends_on("tables", answers)
    depends_on("queues", fails)
    assert await check() == {"tables": True, "queues": False}


async def test_a_failing_probe_says_why_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    depends_on("queues", fails)
    with caplog.at_level(logging.WARNING, logger="atrium.readiness"):
        await check()
    [record] = caplog.records
    assert record.getMessage() == "queues does not answer"
    assert record.exc_info
    assert isinstance(record.exc_info[1], ConnectionError)


async def test_a_dependency_that_hangs_is_down_after_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readiness, "_PROBE_SECONDS", 0.02)
    depends_on("live", hangs)
    depends_on("tables", answers)
    assert await check() == {"live": False, "tables": True}


async def test_dependencies_are_asked_side_by_side() -> None:
    meeting = asyncio.Barrier(2)

    async def meets() -> None:
        await meeting.wait()

    depends_on("tables", meets)
    depends_on("queues", meets)
    assert await check() == {"tables": True, "queues": True}


async def test_the_caller_can_give_up_waiting() -> None:
    depends_on("live", hangs)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(check(), 0.02)

"""The walk ends in time whatever hangs, passes nothing that it did not look at, and is fair."""

import asyncio
from collections.abc import Hashable
from datetime import timedelta
from typing import Any, cast

import pytest

from shared_code.errors import Unavailable
from shared_code.outbox import Walker, walk
from tests.unit.shared_code.outbox.marks import Marks

OLD = timedelta(minutes=11)


class Outbox:
    """Partitions that stand behind; looking and telling can hang, and the bus can be away."""

    def __init__(self, **behind: Hashable) -> None:
        self.where = dict(behind)
        self.looked: list[str] = []
        self.told: list[str] = []
        self.hangs: set[str] = set()
        self.away = False
        self.at_once = self.most_at_once = 0
        self.telling_at_once = self.most_telling_at_once = 0

    async def behind(self, partition: str) -> Hashable:
        self.looked.append(partition)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await _others()
            if partition in self.hangs:
                await asyncio.Event().wait()
        finally:
            self.at_once -= 1
        return self.where.get(partition)

    async def tell(self, partition: str) -> int:
        self.told.append(partition)
        self.telling_at_once += 1
        self.most_telling_at_once = max(self.most_telling_at_once, self.telling_at_once)
        try:
            await _others()
        finally:
            self.telling_at_once -= 1
        if self.away:
            raise Unavailable
        return 1


async def _others() -> None:
    """Let all others that can run do so."""
    for _ in range(50):
        await asyncio.sleep(0)


def walker_of(marks: Marks, outbox: Outbox) -> Walker:
    return Walker(lambda: cast("Any", marks), outbox)


def names(count: int) -> list[str]:
    return [f"rm_{number:03d}" for number in range(count)]


async def test_partitions_are_looked_at_side_by_side_but_not_all_at_once() -> None:
    marks, outbox = Marks(), Outbox()
    await marks.mark(*names(100))
    await walker_of(marks, outbox).walk()
    assert sorted(outbox.looked) == names(100)
    assert outbox.most_at_once == walk.TOGETHER


async def test_a_silent_bus_is_asked_once_in_a_walk_and_looking_goes_on() -> None:
    marks, outbox = Marks(), Outbox(**dict.fromkeys(names(60), 1))
    await marks.mark(*names(60))
    walker = walker_of(marks, outbox)
    await walker.walk()
    outbox.away = True
    for walks in (1, 2, 3):
        outbox.looked.clear()
        walked = await walker.walk()
        assert (len(outbox.told), walked.told, walked.behind) == (walks, 0, 60)
        assert sorted(outbox.looked) == names(60)
    outbox.away = False
    outbox.told.clear()
    assert (await walker.walk()).told == 60
    assert sorted(outbox.told) == names(60), "nobody waits because the bus was away"
    assert outbox.most_telling_at_once > 1


async def test_a_walk_ends_although_looking_hangs_and_its_watermark_passes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(walk, "LOOK_SECONDS", 0.1)
    marks, outbox = Marks(), Outbox()
    everybody = names(walk.TOGETHER + 1)
    await marks.mark(*everybody, age=OLD)
    outbox.hangs = set(everybody)
    async with asyncio.timeout(10):
        walked = await walker_of(marks, outbox).walk()
    assert (walked.left, walked.deleted, outbox.at_once) == (1, 0, 0), "what hung was cancelled"
    assert marks.watermark == marks.now - OLD
    outbox.hangs.clear()
    assert (await walker_of(marks, outbox).walk()).deleted == walk.TOGETHER + 1
    assert marks.names == []


async def test_what_had_no_turn_is_looked_at_first_by_the_next_walk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(walk, "LOOK_SECONDS", 0.1)
    marks, outbox = Marks(), Outbox()
    everybody = names(walk.TOGETHER + 5)
    await marks.mark(*everybody)
    walker = walker_of(marks, outbox)
    outbox.hangs = set(everybody)
    assert (await walker.walk()).left == 5
    had_turns = set(outbox.looked)
    outbox.looked.clear()
    outbox.hangs = had_turns  # what hangs for ever keeps its turn from nobody
    assert (await walker.walk()).left == 0
    assert set(outbox.looked[:5]) == set(everybody) - had_turns


async def test_a_walk_that_comes_while_one_is_under_way_does_nothing() -> None:
    marks, outbox = Marks(), Outbox()
    await marks.mark("rm_a")
    walker = walker_of(marks, outbox)
    both = await asyncio.gather(walker.walk(), walker.walk())
    assert sorted(walked.marks for walked in both) == [0, 1]
    assert outbox.looked == ["rm_a"]
    assert (await walker.walk()).marks == 1


async def test_a_partition_with_two_marks_is_looked_at_once_and_not_told_at_the_first_walk() -> (
    None
):
    marks, outbox = Marks(), Outbox(rm_a=1)
    await marks.mark("rm_a", age=timedelta(minutes=6))
    await marks.mark("rm_a")
    assert marks.names == ["rm_a", "rm_a"]
    walker = walker_of(marks, outbox)
    await walker.walk()
    assert (outbox.looked, outbox.told) == (["rm_a"], [])
    await walker.walk()
    assert outbox.told == ["rm_a"]


async def test_only_the_old_one_of_two_marks_goes() -> None:
    marks = Marks()
    await marks.mark("rm_a", age=OLD)
    await marks.mark("rm_a")
    assert (await walker_of(marks, Outbox()).walk()).deleted == 1
    assert marks.names == ["rm_a"]
    assert marks.watermark == marks.now


async def test_what_is_told_and_quiet_for_a_minute_is_not_looked_at_again() -> None:
    marks, outbox = Marks(), Outbox()
    await marks.mark("rm_a", age=timedelta(minutes=2))
    walker = walker_of(marks, outbox)
    for _ in range(3):
        await walker.walk()
    assert outbox.looked == ["rm_a"]
    marks.now += timedelta(minutes=9)
    assert (await walker.walk()).deleted == 1
    assert outbox.looked == ["rm_a", "rm_a"], "no mark is deleted unless looked at when it is old"

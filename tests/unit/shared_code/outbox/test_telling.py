"""Telling: only what stands still, less and less often, and nothing more once the bus has refused."""

import asyncio
from contextlib import suppress
from itertools import pairwise

import pytest

from shared_code.errors import Unavailable
from shared_code.outbox.telling import Teller


class Outbox:
    """Counts what it is asked to tell, and fails when told to."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.error: Exception | None = None
        self.at_once = self.most_at_once = 0

    async def behind(self, partition: str) -> None:
        raise AssertionError(f"nobody looks at {partition} here")

    async def tell(self, partition: str) -> int:
        self.told.append(partition)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        for _ in range(20):
            await asyncio.sleep(0)
        self.at_once -= 1
        if self.error:
            raise self.error
        return 2


class Walks:
    """A walk every five seconds, which finds one partition behind."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.now = 0.0
        self.teller = Teller(self.outbox, lambda: self.now)

    async def told_at(self, seconds: int, place: int = 7) -> list[float]:
        """When it was told in so many seconds."""
        end, when = self.now + seconds, list[float]()
        while self.now < end:
            self.now += 5
            self.teller.begin()
            before = len(self.outbox.told)
            with suppress(Unavailable, KeyError):
                await self.teller.stands("rm_a", place)
            when += [self.now] * (len(self.outbox.told) - before)
        return when


async def test_what_stays_behind_is_told_less_and_less_often() -> None:
    walks = Walks()
    when = await walks.told_at(4 * 3600)
    pauses = [after - before for before, after in pairwise(when)]
    assert when[0] == 10
    assert pauses[:8] == [10, 20, 40, 80, 160, 320, 600, 600]
    assert set(pauses[7:]) == {600}


async def test_what_has_moved_is_told_again_at_the_second_look() -> None:
    walks = Walks()
    await walks.told_at(3600)
    start = walks.now
    assert (await walks.told_at(60, place=8))[:3] == [start + 10, start + 20, start + 40]


async def test_what_was_all_told_meanwhile_begins_afresh() -> None:
    walks = Walks()
    await walks.told_at(3600)
    walks.teller.forget("rm_a")
    start = walks.now
    assert (await walks.told_at(20))[0] == start + 10
    walks.teller.keep_only({"rm_b"})
    start = walks.now
    assert (await walks.told_at(20))[0] == start + 10


async def test_one_that_cannot_be_told_backs_off_and_an_absent_bus_makes_nobody_wait() -> None:
    walks = Walks()
    walks.outbox.error = KeyError("a row that cannot be read")
    assert await walks.told_at(45) == [10, 20, 40]
    walks = Walks()
    walks.outbox.error = Unavailable()
    assert len(await walks.told_at(600)) == 119
    walks.outbox.error = None
    start = walks.now
    assert (await walks.told_at(10))[0] == start + 5


async def test_one_tells_first_then_all_and_none_after_the_bus_refused() -> None:
    outbox = Outbox()
    teller = Teller(outbox)
    rooms = [f"rm_{number}" for number in range(10)]

    async def walk() -> list[int | BaseException]:
        teller.begin()
        looks = (teller.stands(room, len(outbox.told)) for room in rooms)
        return await asyncio.gather(*looks, return_exceptions=True)

    for room in rooms:
        await teller.stands(room, 0)
    outbox.error = Unavailable()
    refused = await walk()
    assert len(outbox.told) == 1
    assert [each for each in refused if each] == [outbox.error]
    outbox.error = None
    outbox.told.clear()
    assert await walk() == [2] * 10
    assert outbox.most_at_once == 9


async def test_a_partition_in_trouble_leaves_the_others_to_be_told_one_by_one() -> None:
    outbox = Outbox()
    teller = Teller(outbox)
    for room in ("rm_a", "rm_b"):
        await teller.stands(room, 1)
    outbox.error = KeyError("a row that cannot be read")
    with pytest.raises(KeyError):
        await teller.stands("rm_a", 1)
    outbox.error = None
    assert await teller.stands("rm_b", 1) == 2

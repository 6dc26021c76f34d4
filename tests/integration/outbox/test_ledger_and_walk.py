"""The outbox on a real Azurite: marks, cursors, the walk, outbox rows, and the inbox."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from azure.data.tables.aio import TableClient

from shared_code.ids import new_id
from shared_code.messaging import AlreadyDone, Event, EventData, apply_once
from shared_code.outbox import Cursors, Ledger, OutboxRows, Walker, ledger, rows, walk
from shared_code.storage import close_all, create_tables, find, table

SETTING = "OUTBOX_TEST_STORAGE"


@pytest.fixture(autouse=True)
async def _connected(azurite: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setenv(SETTING, azurite)
    await close_all()
    yield
    await close_all()


@pytest.fixture
async def marks() -> TableClient:
    """A ledger that no other test writes."""
    name = f"ledger{new_id('x').partition('_')[2]}"
    await create_tables(SETTING, name)
    return table(SETTING, name)


@pytest.fixture
async def things() -> TableClient:
    await create_tables(SETTING, "things")
    return table(SETTING, "things")


async def left(marks: TableClient) -> list[str]:
    """The partitions that the ledger names."""
    return [row["RowKey"] async for row in marks.query_entities("PartitionKey lt 'walk'")]


class Outbox:
    """Partitions that stand behind until they are told."""

    def __init__(self, **behind: int) -> None:
        self.where: dict[str, int | None] = dict(behind)
        self.told: list[str] = []
        self.fails: set[str] = set()

    async def behind(self, partition: str) -> int | None:
        if partition in self.fails:
            raise ConnectionError("no store")
        return self.where.get(partition)

    async def tell(self, partition: str) -> int:
        self.told.append(partition)
        self.where[partition] = None
        return 1


async def test_a_mark_is_one_write_for_all_who_want_it_and_for_thirty_seconds(
    marks: TableClient,
) -> None:
    mine = Ledger(lambda: marks)
    found = await asyncio.gather(*(mine.ensure("rm_a") for _ in range(20)))
    assert len({each.deadline for each in found}) == 1
    assert 29 < found[0].seconds_left <= 30
    assert (await mine.ensure("rm_a")).deadline == found[0].deadline
    assert await left(marks) == ["rm_a"]


async def test_an_old_mark_is_renewed_beside_the_work_and_a_dead_one_before_it(
    marks: TableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Ledger(lambda: marks)
    first = await mine.ensure("rm_a")
    monkeypatch.setattr(ledger, "_RENEW_SECONDS", 31.0)
    assert await mine.ensure("rm_a") == first
    await asyncio.gather(*mine._writing.values())
    second = await mine.ensure("rm_a")
    assert second.deadline > first.deadline
    monkeypatch.setattr(ledger, "_LEAST_SECONDS", 31.0)
    assert (await mine.ensure("rm_a")).deadline > second.deadline


async def test_what_stands_behind_is_told_at_the_second_walk_and_not_before(
    marks: TableClient,
) -> None:
    mine, outbox = Ledger(lambda: marks), Outbox(rm_a=7, rm_b=3)
    walker = Walker(lambda: marks, outbox)
    for partition in ("rm_a", "rm_b", "rm_c"):
        await mine.ensure(partition)
    assert (await walker.walk()).behind == 2
    assert outbox.told == []
    outbox.where["rm_b"] = 4  # it moves by itself, so it needs no help
    walked = await walker.walk()
    assert (walked.marks, walked.told, outbox.told) == (3, 1, ["rm_a"])
    await walker.walk()
    assert outbox.told == ["rm_a", "rm_b"]
    assert (await walker.walk()).behind == 0


async def test_a_partition_in_trouble_stops_no_other(marks: TableClient) -> None:
    mine, outbox = Ledger(lambda: marks), Outbox(rm_a=7, rm_b=3)
    outbox.fails = {"rm_a"}
    walker = Walker(lambda: marks, outbox)
    for partition in ("rm_a", "rm_b"):
        await mine.ensure(partition)
    for _ in range(2):
        await walker.walk()
    assert outbox.told == ["rm_b"]
    outbox.fails.clear()
    for _ in range(2):
        await walker.walk()
    assert outbox.told == ["rm_b", "rm_a"]


async def test_a_mark_goes_when_it_is_old_and_all_is_told_and_stays_otherwise(
    marks: TableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, outbox = Ledger(lambda: marks), Outbox(rm_behind=1)
    walker = Walker(lambda: marks, outbox)
    for partition in ("rm_told", "rm_behind"):
        await mine.ensure(partition)
    assert (await walker.walk()).deleted == 0
    monkeypatch.setattr(walk, "KEEP", timedelta(seconds=-1))  # as if ten minutes had gone by
    assert (await walker.walk()).deleted == 1
    assert await left(marks) == ["rm_behind"]
    assert outbox.told == ["rm_behind"]
    assert (await walker.walk()).deleted == 1
    assert await left(marks) == []


async def test_a_mark_that_is_touched_while_it_is_looked_at_stays(
    marks: TableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Touching(Outbox):
        async def behind(self, partition: str) -> None:
            await Ledger(lambda: marks).ensure(partition)

    monkeypatch.setattr(walk, "KEEP", timedelta(seconds=-1))
    await Ledger(lambda: marks).ensure("rm_a")
    assert (await Walker(lambda: marks, Touching()).walk()).deleted == 0
    assert await left(marks) == ["rm_a"]


async def test_an_old_partition_that_is_behind_is_not_forgotten_by_a_new_walker(
    marks: TableClient,
) -> None:
    await Ledger(lambda: marks).ensure("rm_a")
    for _ in range(3):
        outbox = Outbox(rm_a=1)
        walker = Walker(lambda: marks, outbox)
        await walker.walk()
        await walker.walk()
        assert outbox.told == ["rm_a"]


async def test_cursors_join_what_comes_out_of_turn_from_many_processes(things: TableClient) -> None:
    partition = new_id("rm")
    processes = [Cursors(lambda: things) for _ in range(3)]
    spans = [(first, first + 1) for first in range(1, 60, 2)]
    moves = [
        processes[number % 3].advance(partition, span)
        for number, span in enumerate(reversed(spans))
    ]
    await asyncio.gather(*moves)
    cursor = await processes[0].read(partition)
    assert (cursor.seq, cursor.ahead) == (60, ())
    await processes[1].advance(partition, (3, 9))
    assert await processes[2].read(partition) == cursor


class Registered(EventData):
    TYPE: ClassVar[str] = "atrium.test.registered.v1"

    name: str


def registered(name: str) -> Event[Registered]:
    """Its id sorts by the name, as those of events do by time."""
    return Event[Registered](
        id=f"evt_{name[:9]}",
        source="/tests",
        type=Registered.TYPE,
        subject=name,
        data=Registered(name=name),
    )


async def test_outbox_rows_are_told_in_order_and_gone_once_the_bus_has_them(
    things: TableClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, Any]] = []
    broken = True

    async def publish(event: Event[Any], session_id: str | None) -> None:
        if broken:
            raise ConnectionError("no bus")
        sent.append({**event.model_dump(), "session_id": session_id})

    monkeypatch.setattr(rows, "publish", publish)
    outbox, partition = OutboxRows(lambda _: things), new_id("usr")
    names = ["ann", "bob", "cid"]
    for name in names:
        user = {"PartitionKey": partition, "RowKey": name}
        session = None if name == "bob" else f"room/{name}"
        operations = [("create", user), outbox.operation(partition, registered(name), session)]
        await things.submit_transaction(operations)
    assert await outbox.behind(partition) is not None
    outbox.tell_soon(partition)
    await asyncio.gather(*outbox._telling, return_exceptions=True)
    assert await outbox.behind(partition) is not None, "the bus did not take it"
    broken = False
    assert await outbox.tell(partition) == 3
    assert [each["data"]["name"] for each in sent] == names
    assert [each["session_id"] for each in sent] == ["room/ann", None, "room/cid"]
    assert await outbox.behind(partition) is None


async def test_the_largest_event_that_the_store_keeps_fits_a_row(things: TableClient) -> None:
    def named(name: str) -> Event[Registered]:
        return registered(name).model_copy(update={"id": "evt_1", "correlationid": "evt_1"})

    room = 32 * 1024 - len(named("").model_dump_json())
    for letter, most in (("x", room // 2), ("\N{GRINNING FACE}", room // 4)):
        partition, largest = new_id("usr"), named(letter * most)
        await things.submit_transaction([OutboxRows.operation(partition, largest)])
        with pytest.raises(ValueError, match="does not fit a row"):
            OutboxRows.operation(partition, named(letter * (most + 1)))


async def test_an_effect_happens_once_however_often_its_event_comes(things: TableClient) -> None:
    partition, event = new_id("usr"), registered("ann")

    async def count() -> None:
        row = await find(things, partition, "count")
        entity = {"PartitionKey": partition, "RowKey": "count", "n": (row["n"] if row else 0) + 1}
        await apply_once(things, event.id, "counter", partition, [("upsert", entity)])

    await count()
    for _ in range(3):
        with pytest.raises(AlreadyDone):
            await count()
    row = await find(things, partition, "count")
    assert row is not None
    assert row["n"] == 1
    await apply_once(things, event.id, "another consumer", partition, [])

"""Changes on a real Azurite: what is written, what a lost race leaves, and whose a repeated commit is."""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from azure.core.exceptions import ServiceRequestError

from shared_code.clock import utcnow
from shared_code.ids import new_id
from shared_code.messaging import Event, EventData
from shared_code.outbox import Ledger, OutboxRows
from shared_code.partition import Partition
from shared_code.records import Change, Noted, Record, Stored, Telling, read_entries
from shared_code.storage import close_all, create_tables, table
from tests.harness.faulty_store import (
    Fault,
    FaultyStore,
    drops_after,
    drops_before,
    faulty_store,
    is_busy_after,
)

SETTING, TABLE = "RECORDS_TEST_STORAGE", "records"


class Root(Stored):
    PREFIX: ClassVar[str] = "root"

    title: str


class Item(Stored):
    PREFIX: ClassVar[str] = "i:"

    name: str

    @property
    def row_key(self) -> str:
        return f"{self.PREFIX}{self.name}"


class ThingRecord(Record):
    ROOT: ClassVar[str] = Root.PREFIX

    @property
    def partition(self) -> Partition:
        return Partition(SETTING, TABLE, self.key)


class Renamed(EventData):
    TYPE: ClassVar[str] = "atrium.test.renamed.v1"

    title: str


class Rows(OutboxRows):
    """Outbox rows of which nobody tells: the bus has tests of its own."""

    def __init__(self, told: list[str]) -> None:
        super().__init__(lambda _: table(SETTING, TABLE))
        self._told_of = told

    def tell_soon(self, partition: str) -> None:
        self._told_of.append(partition)


@dataclass
class Thing:
    """A thing with a root and an item, and how one changes it."""

    key: str
    told: list[str]

    async def record(self) -> ThingRecord:
        """What is kept of it."""
        record = ThingRecord(self.key)
        for row in (await self.rows()).values():
            if kind := next((k for k in (Root, Item) if row["RowKey"].startswith(k.PREFIX)), None):
                record.add(row, kind)
        return record

    async def rows(self) -> dict[str, Any]:
        """All its rows, as they are."""
        found = ThingRecord(self.key).partition.rows("", "~")
        return {row["RowKey"]: row async for row in found}

    async def title(self) -> str:
        """What its root says."""
        root = (await self.record()).rows[Root.PREFIX]
        assert isinstance(root, Root)
        return root.title

    async def change(self, *, holds_root: bool = True) -> Change:
        """A change of what is there now."""
        return self.change_of(await self.record(), holds_root=holds_root)

    def change_of(self, record: ThingRecord, *, holds_root: bool = True) -> Change:
        """A change of what was read."""
        ledger = Ledger(lambda: table(SETTING, "marks"))
        return Change(record, Telling(ledger, Rows(self.told)), holds_root=holds_root)


def noted() -> Noted:
    return Noted(id=new_id("aud"), at=utcnow(), type="thing.renamed")


@pytest.fixture(autouse=True)
async def _connected(azurite: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setenv(SETTING, azurite)
    await close_all()
    await create_tables(SETTING, TABLE, "marks")
    yield
    await close_all()


@pytest.fixture
async def thing(_connected: None) -> Thing:
    made = Thing(new_id("thg"), [])
    change = made.change_of(ThingRecord(made.key))
    change.put(Root(title="first"))
    change.put(Item(name="a"))
    assert await change.commit()
    return made


@pytest.fixture
async def faulty(
    azurite: str,
    thing: Thing,  # noqa: ARG001 - it is made before anything is spoilt
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[FaultyStore]:
    """The same table behind a proxy that spoils what it is told to."""
    async with faulty_store(azurite) as proxy:
        await close_all()
        monkeypatch.setenv(SETTING, proxy.connection_string(azurite))
        yield proxy
        await close_all()


async def test_of_two_changes_at_once_one_has_to_look_again(thing: Thing) -> None:
    first, second = await thing.change(), await thing.change()
    first.put(Item(name="b"))
    second.put(Item(name="c"))
    assert await first.commit()
    assert not await second.commit()
    assert set(await thing.rows()) == {"root", "i:a", "i:b"}


async def test_a_change_may_hold_only_the_rows_that_it_names(thing: Thing) -> None:
    first, second = await thing.change(), await thing.change(holds_root=False)
    first.put(Root(title="second"))
    second.put(Item(name="a"))
    assert await first.commit()
    assert await second.commit()


async def test_a_row_that_is_set_is_written_whatever_was_there(thing: Thing) -> None:
    for columns in ({"size": 1, "name": "x"}, {"size": 2}):
        change = await thing.change(holds_root=False)
        change.set("used:x", **columns)
        assert await change.commit()
    row = (await thing.rows())["used:x"]
    assert set(row) == {"PartitionKey", "RowKey", "size"}
    assert row["size"] == 2


async def test_rows_are_dropped_by_key_and_all_or_none(thing: Thing) -> None:
    change = await thing.change()
    change.drop("i:a", "i:missing")
    assert not await change.commit()
    assert "i:a" in await thing.rows()
    change = await thing.change()
    change.drop("i:a")
    assert await change.commit()
    change = await thing.change()
    change.remove([Root(title="whatever")])
    assert await change.commit()
    assert await thing.rows() == {}


async def test_what_is_noted_and_told_is_there_once_it_is_durable(
    thing: Thing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "atrium.audit")
    change, entries = await thing.change(), [noted(), noted()]
    change.put(Root(title="second"))
    for each in entries:
        change.note(each)
    data = Renamed(title="second")
    event = Event[Renamed](source="/tests", type=Renamed.TYPE, subject=thing.key, data=data)
    change.tell(event)
    assert await change.commit()
    assert thing.told == [thing.key]
    assert f"out:{event.id}" in await thing.rows()
    said = [each.getMessage() for each in caplog.records if each.name == "atrium.audit"]
    assert said == [f"{thing.key} thing.renamed "] * 2
    partition = ThingRecord(thing.key).partition
    found = await read_entries(Noted, partition, None, 10)
    assert {each.id for each in found} == {each.id for each in entries}
    assert await read_entries(Noted, partition, found[0].id, 10) == found[1:]


@pytest.mark.parametrize("entries", [0, 1])
class TestLostAnswers:
    """The store has done it and said that it is busy; the SDK has sent it again."""

    async def test_what_was_done_is_known_as_ours(
        self, thing: Thing, faulty: FaultyStore, caplog: pytest.LogCaptureFixture, entries: int
    ) -> None:
        caplog.set_level(logging.INFO, "atrium.audit")
        change = await thing.change()
        change.put(Root(title="second"))
        for _ in range(entries):
            change.note(noted())
        faulty.forget()
        faulty.next("batch", is_busy_after)
        assert await change.commit()
        assert (faulty.counts["batch"], faulty.counts["read"]) == (2, 1)
        assert await thing.title() == "second"
        assert len([each for each in caplog.records if each.name == "atrium.audit"]) == entries

    async def test_so_is_a_partition_that_was_made(self, faulty: FaultyStore, entries: int) -> None:
        made = Thing(new_id("thg"), [])
        change = made.change_of(ThingRecord(made.key))
        change.put(Root(title="first"))
        for _ in range(entries):
            change.note(noted())
        faulty.next("batch", is_busy_after)
        assert await change.commit()

    async def test_what_another_did_is_not(
        self, thing: Thing, faulty: FaultyStore, entries: int
    ) -> None:
        ours, other = await thing.change(), await thing.change()
        for change, title in ((ours, "same"), (other, "same")):
            change.put(Root(title=title))
            for _ in range(entries):
                change.note(noted())
        assert await other.commit()
        faulty.next("batch", is_busy_after)
        assert not await ours.commit()


async def test_what_was_overtaken_before_its_answer_was_lost_is_not_known_as_ours(
    thing: Thing,
) -> None:
    ours = await thing.change()
    ours.put(Root(title="second"))
    assert await ours.commit()
    holding = await thing.change()
    holding.put(Item(name="b"))
    assert await holding.commit()
    assert not await ours.commit(), "as if its answer had been lost"
    assert await thing.title() == "second"


async def test_what_only_holds_the_root_is_known_as_ours_too(
    thing: Thing, faulty: FaultyStore
) -> None:
    change = await thing.change()
    change.put(Item(name="b"))
    faulty.forget()
    faulty.next("batch", is_busy_after)
    assert await change.commit()
    assert (faulty.counts["batch"], faulty.counts["read"]) == (2, 1)
    assert await thing.title() == "first"


@pytest.mark.parametrize("fault", [drops_before, drops_after])
async def test_when_no_answer_comes_the_same_change_may_be_committed_again(
    thing: Thing, faulty: FaultyStore, fault: Fault
) -> None:
    change = await thing.change()
    change.put(Root(title="second"))
    faulty.next("batch", fault)
    with pytest.raises(ServiceRequestError):
        await change.commit()
    assert await change.commit()
    assert await thing.title() == "second"


async def test_erasing_takes_the_root_last_and_leaves_nothing(thing: Thing) -> None:
    for first in (0, 90):
        change = await thing.change()
        for number in range(first, first + 90):
            change.put(Item(name=f"{number:03}"))
        assert await change.commit()
    await ThingRecord(thing.key).partition.erase(last=Root.PREFIX)
    assert await thing.rows() == {}

"""An ordered consumer while the store of its waiting list fails, for a moment and for long.

The waiting list is the real one; only the table under it is a dictionary that fails as often as it is told.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError

from shared_code.errors import Forbidden
from shared_code.messaging import Consumer, Event, EventData, consume, properties, waiting
from shared_code.messaging.arrival import Arrival
from shared_code.messaging.topology import SessionTable

TYPE = "atrium.test.said.v1"
CONSUMER = Consumer(
    "test-queue",
    (TYPE,),
    sessions=True,
    waits_in=SessionTable("TEST_STORAGE", "sessions"),
    max_attempts=3,
)


class Said(EventData):
    TYPE = TYPE

    text: str = ""


class Row(dict[str, Any]):
    """An entity as the SDK gives it."""

    metadata: dict[str, Any]


class Table:
    """One table in memory. The next `failures` calls fail."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Row] = {}
        self.failures = 0
        self.calls = 0

    def _call(self) -> None:
        self.calls += 1
        if self.failures:
            self.failures -= 1
            raise ServiceRequestError("nobody there")

    async def find(self, _table: object, partition: str, row: str) -> Row | None:
        self._call()
        return self.rows.get((partition, row))

    async def create_entity(self, entity: dict[str, Any]) -> None:
        self._put(entity)

    async def update_entity(self, entity: dict[str, Any], **_condition: object) -> None:
        self._put(entity)

    async def delete_entity(self, entity: Row, **_condition: object) -> None:
        self._call()
        del self.rows[entity["PartitionKey"], entity["RowKey"]]

    def _put(self, entity: dict[str, Any]) -> None:
        self._call()
        row = Row(entity)
        row.metadata = {"etag": str(self.calls)}
        self.rows[entity["PartitionKey"], entity["RowKey"]] = row


class Bus:
    """Remembers the copies that are sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def properties(self) -> dict[str, Any]:
        """Those of the only copy."""
        [message] = self.sent
        return dict(message.application_properties)


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    made = Bus()
    monkeypatch.setattr(consume, "outbound", lambda _queue: made)
    return made


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    made = Table()
    monkeypatch.setattr(waiting, "table", lambda *_name: made)
    monkeypatch.setattr(waiting, "find", made.find)
    monkeypatch.setattr(waiting, "_FIRST_PAUSE_SECONDS", 0.001)
    return made


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "HOLD_SECONDS", 0.0)


def arrival(name: str, **changes: Any) -> Arrival:
    event = Event[Said](id=name, source="/t", type=TYPE, subject="rm_1", data=Said(text=name))
    made = Arrival(
        body=event.model_dump_json().encode(),
        message_id=f"{name}:1",
        session_id="rm_1",
        content_type=None,
        correlation_id=None,
        deliveries=1,
        properties={"attempt": 1},
    )
    return replace(made, **changes)


def attempt(name: str, number: int) -> Arrival:
    return arrival(name, message_id=f"{name}:{number}", properties={"attempt": number})


class Handler:
    """Notes what it was given; fails for those in `bad`."""

    def __init__(self, **bad: Exception) -> None:
        self.seen: list[str] = []
        self.bad = bad

    async def __call__(self, event: Event[Said]) -> None:
        if event.id in self.bad:
            raise self.bad[event.id]
        self.seen.append(event.id)


async def hand(given: Arrival, handler: Callable[..., Awaitable[None]]) -> None:
    await consume.deliver(CONSUMER, Said, handler, given, {})


@pytest.mark.parametrize("failures", [1, 2, 5])
async def test_a_store_that_fails_for_a_moment_is_not_noticed(
    bus: Bus, table: Table, failures: int
) -> None:
    handler = Handler()
    table.failures = failures
    await hand(arrival("a"), handler)
    assert handler.seen == ["a"]
    assert bus.sent == []
    assert table.failures == 0


@pytest.mark.usefixtures("no_patience")
async def test_a_message_whose_turn_is_not_known_comes_again_and_has_not_run(
    bus: Bus, table: Table
) -> None:
    handler = Handler()
    table.failures = 1
    await hand(arrival("a"), handler)
    assert handler.seen == []
    assert table.rows == {}
    assert bus.properties["attempt"] == 2
    assert bus.properties["failure_reason"] == "failed"
    assert bus.properties["failure_type"] == "ServiceRequestError"
    assert bus.sent[0].scheduled_enqueue_time_utc is not None


@pytest.mark.usefixtures("no_patience")
async def test_a_message_whose_turn_is_never_known_dies_with_the_reason(
    bus: Bus, table: Table
) -> None:
    table.failures = 1
    await hand(attempt("a", 3), Handler())
    assert bus.properties["dead"] is True
    assert bus.properties["failure_reason"] == "attempts_exhausted"
    assert bus.properties["failure_type"] == "ServiceRequestError"


async def test_parking_holds_out_so_that_those_behind_wait(bus: Bus, table: Table) -> None:
    handler = Handler(a=RuntimeError("no luck"))
    handler_fails = table

    async def failing(event: Event[Said]) -> None:
        handler_fails.failures = 3
        await handler(event)

    await hand(arrival("a"), failing)
    await hand(arrival("b"), handler)
    assert handler.seen == []
    again, behind = bus.sent
    assert (again.message_id, behind.message_id) == ("a:2", "b:1")
    handler.bad = {}
    await hand(attempt("a", 2), handler)
    await hand(arrival("b"), handler)
    assert handler.seen == ["a", "b"]
    assert table.rows == {}


@pytest.mark.usefixtures("no_patience")
async def test_a_failure_that_cannot_be_parked_is_tried_again_all_the_same(
    bus: Bus, table: Table
) -> None:
    async def failing(_event: Event[Said]) -> None:
        table.failures = 1
        raise RuntimeError("no luck")

    await hand(arrival("a"), failing)
    assert bus.properties["failure_message"] == "no luck"
    assert bus.properties["attempt"] == 2


@pytest.mark.usefixtures("no_patience")
async def test_what_is_done_but_stays_in_the_list_comes_again_and_then_lets_the_others_go(
    bus: Bus, table: Table
) -> None:
    handler = Handler(a=RuntimeError())
    await hand(arrival("a"), handler)
    handler.bad = {}

    async def done(event: Event[Said]) -> None:
        await handler(event)
        table.failures = 1

    bus.sent.clear()
    await hand(attempt("a", 2), done)
    assert handler.seen == ["a"]
    assert bus.properties["attempt"] == 3, "else its session would wait for ever"
    await hand(arrival("b"), handler)
    assert handler.seen == ["a"]
    await hand(attempt("a", 3), handler)
    await hand(arrival("b"), handler)
    assert handler.seen == ["a", "a", "b"]


@pytest.mark.usefixtures("no_patience")
async def test_what_is_refused_dies_only_when_its_session_is_free(bus: Bus, table: Table) -> None:
    handler = Handler(a=RuntimeError())
    await hand(arrival("a"), handler)

    async def refused(_event: Event[Said]) -> None:
        table.failures = 1
        raise Forbidden("not you")

    bus.sent.clear()
    await hand(attempt("a", 2), refused)
    assert "dead" not in bus.properties
    handler.bad = {"a": Forbidden("not you")}
    bus.sent.clear()
    await hand(attempt("a", 2), handler)
    assert bus.properties["dead"] is True
    assert table.rows == {}


@pytest.mark.usefixtures("no_patience")
async def test_letting_a_session_go_is_tried_again(bus: Bus, table: Table) -> None:
    await hand(arrival("a"), Handler(a=RuntimeError()))
    bus.sent.clear()
    skip = arrival("skip-a", properties={"attempt": 1, properties.SKIP: "a"})
    table.failures = 1
    await hand(skip, Handler())
    assert bus.properties[properties.SKIP] == "a"
    assert bus.properties["attempt"] == 2
    assert table.rows
    await hand(skip, Handler())
    assert table.rows == {}


async def test_a_message_in_a_free_session_costs_one_round_trip(bus: Bus, table: Table) -> None:
    await hand(arrival("a"), Handler())
    assert table.calls == 1
    assert bus.sent == []


async def test_five_hundred_of_the_longest_ids_fit_the_row(bus: Bus, table: Table) -> None:
    await hand(arrival("a"), Handler(a=RuntimeError()))
    for n in range(waiting._MOST_WAITING + 5):
        await hand(arrival(f"{n:😀>128}", message_id=f"{n:😀>128}"), Handler())
    [row] = table.rows.values()
    assert len(row["waiting"].encode("utf-16-le")) < 64 * 1024
    assert {each.session_id for each in bus.sent} == {"rm_1"}

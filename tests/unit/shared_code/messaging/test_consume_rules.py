"""The rules of consuming, on a bus that only remembers what it was given."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import azure.functions as func
import pytest

from shared_code.correlation import correlation_id
from shared_code.errors import Forbidden, PayloadTooLarge, TooManyRequests, Unavailable
from shared_code.messaging import AlreadyDone, Consumer, Event, EventData, consume, consumes
from shared_code.messaging import retry as retry_rule
from shared_code.messaging.arrival import Arrival
from shared_code.messaging.consume import DeadLettered, deliver

CONSUMER = Consumer("test-queue", ("atrium.test.said.v1",), max_attempts=3)


class Said(EventData):
    TYPE: ClassVar[str] = "atrium.test.said.v1"

    text: str = ""


EVENT = Event[Said](
    source="/t", type=Said.TYPE, subject="rm_1", correlationid="req_7", data=Said(text="hi")
)
ARRIVAL = Arrival(
    body=EVENT.model_dump_json().encode(),
    message_id=f"{EVENT.id}:1",
    session_id="rm_1",
    content_type="application/cloudevents+json",
    correlation_id="req_7",
    deliveries=1,
    properties={"type": Said.TYPE, "access": "same", "attempt": 1, "theirs": "kept"},
)


class Bus:
    """Remembers the copies that are sent, and fails if told."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.fails = False
        self.room = 1_000_000

    async def send(self, message: Any) -> None:
        if self.fails:
            raise Unavailable
        if len(str(message.application_properties)) > self.room:
            raise PayloadTooLarge
        self.sent.append(message)

    @property
    def properties(self) -> dict[str, Any]:
        """Those of the only copy."""
        [message] = self.sent
        return dict(message.application_properties)


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    made = Bus()
    monkeypatch.setattr(consume, "outbound", lambda queue: made if queue == "test-queue" else None)
    return made


def raises(error: Exception) -> Callable[..., Awaitable[None]]:
    async def handler(_event: Event[Said]) -> None:
        raise error

    return handler


async def hand(arrival: Arrival, handler: Callable[..., Awaitable[None]]) -> None:
    await deliver(CONSUMER, Said, handler, arrival, {})


async def test_a_handler_gets_the_event_its_outputs_and_its_correlation_id(bus: Bus) -> None:
    got: list[Any] = []

    async def handler(event: Event[Said], out: str) -> None:
        got.append((event, out, correlation_id()))

    await asyncio.create_task(deliver(CONSUMER, Said, handler, ARRIVAL, {"out": "binding"}))
    assert got == [(EVENT, "binding", "req_7")]
    assert bus.sent == []


async def test_a_failure_comes_back_later_on_the_consumer_s_own_queue(bus: Bus) -> None:
    before = datetime.now(UTC)
    await hand(ARRIVAL, raises(RuntimeError("no luck")))
    [message] = bus.sent
    assert message.message_id == f"{EVENT.id}:2"
    assert b"".join(message.body) == ARRIVAL.body
    assert (message.session_id, message.correlation_id) == ("rm_1", "req_7")
    assert 0.4 < (message.scheduled_enqueue_time_utc - before).total_seconds() < 2
    properties = bus.properties
    assert properties["attempt"] == 2
    assert properties["failure_type"] == "RuntimeError"
    assert properties["failure_message"] == "no luck"
    assert properties["first_failed_at"] == properties["last_failed_at"]
    assert properties["theirs"] == "kept"
    assert "dead" not in properties


async def test_the_last_attempt_ends_in_the_dead_letters_with_its_whole_story(bus: Bus) -> None:
    first = "2026-11-23T10:11:12.123Z"
    tried = replace(
        ARRIVAL,
        message_id=f"{EVENT.id}:3",
        properties={**ARRIVAL.properties, "attempt": 3, "first_failed_at": first},
    )
    await hand(tried, raises(RuntimeError("still not")))
    properties = bus.properties
    assert properties["dead"] is True
    assert properties["failure_reason"] == "attempts_exhausted"
    assert properties["attempt"] == 3
    assert properties["first_failed_at"] == first < properties["last_failed_at"]
    assert bus.sent[0].scheduled_enqueue_time_utc is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"not json", "not_json"),
        (b"{}", "not_cloudevents"),
        (EVENT.model_dump_json().replace("said.v1", "said.v2").encode(), "newer_version"),
        (EVENT.model_dump_json().replace("test.said", "test.other").encode(), "unknown_type"),
        (EVENT.model_dump_json().replace('"hi"', "7").encode(), "schema_invalid"),
        (b" " * 100_000, "oversize"),
    ],
)
async def test_what_cannot_be_read_goes_to_the_dead_letters_at_once(
    bus: Bus, body: bytes, reason: str
) -> None:
    await hand(replace(ARRIVAL, body=body), raises(AssertionError("must not run")))
    assert bus.properties["failure_reason"] == reason
    assert bus.properties["dead"] is True
    assert b"".join(bus.sent[0].body) == body


async def test_what_a_rule_refuses_is_not_tried_again_and_what_is_unavailable_is(bus: Bus) -> None:
    await hand(ARRIVAL, raises(Forbidden("not you")))
    assert bus.properties["failure_reason"] == "refused"
    assert bus.properties["failure_message"] == "forbidden: not you"
    bus.sent.clear()
    await hand(ARRIVAL, raises(Unavailable()))
    assert bus.properties["attempt"] == 2


async def test_too_many_requests_are_a_matter_of_time(bus: Bus) -> None:
    await hand(ARRIVAL, raises(TooManyRequests()))
    assert bus.properties["attempt"] == 2
    assert bus.properties["failure_reason"] == "failed"


@pytest.mark.parametrize(("words", "theirs"), [(1_000, "x"), (10, "x" * 5_000)])
async def test_a_message_that_is_full_dies_with_less_about_it(
    bus: Bus, words: int, theirs: str
) -> None:
    bus.room = 600
    full = replace(ARRIVAL, properties={**ARRIVAL.properties, "theirs": theirs})
    await hand(full, raises(Forbidden("x" * words)))
    assert bus.properties["dead"] is True
    assert bus.properties["failure_reason"] == "refused"
    assert bus.properties.get("theirs") == (theirs if len(theirs) == 1 else None)


async def test_a_message_that_leaves_no_room_at_all_is_given_back(bus: Bus) -> None:
    bus.room = 10
    with pytest.raises(PayloadTooLarge):
        await hand(ARRIVAL, raises(Forbidden()))


async def test_what_was_done_before_is_done(bus: Bus) -> None:
    await hand(ARRIVAL, raises(AlreadyDone()))
    assert bus.sent == []


async def test_a_delivery_after_one_that_never_ended_is_a_failed_attempt(bus: Bus) -> None:
    await hand(replace(ARRIVAL, deliveries=2), raises(AssertionError("must not run")))
    assert bus.properties["attempt"] == 2
    assert bus.properties["failure_type"] == "Interrupted"


async def test_a_dead_message_is_given_back_until_the_bus_buries_it(bus: Bus) -> None:
    dead = replace(ARRIVAL, properties={**ARRIVAL.properties, "dead": True}, deliveries=4)
    with pytest.raises(DeadLettered):
        await hand(dead, raises(AssertionError("must not run")))
    assert bus.sent == []


async def test_when_the_copy_cannot_be_sent_the_message_is_given_back(bus: Bus) -> None:
    bus.fails = True
    with pytest.raises(Unavailable):
        await hand(ARRIVAL, raises(RuntimeError()))


@pytest.mark.parametrize(
    ("message_id", "event_id"),
    [("evt_1:1", "evt_1"), ("rm_1:3-4:1", "rm_1:3-4"), ("theirs", "theirs"), ("a:b", "a:b")],
)
def test_the_event_s_id_is_known_by_the_message_id(message_id: str, event_id: str) -> None:
    assert replace(ARRIVAL, message_id=message_id).event_id == event_id


@pytest.mark.parametrize("hostile", [0, -1, "2", None, 2.5])
def test_an_attempt_that_is_no_count_is_the_first(hostile: object) -> None:
    assert replace(ARRIVAL, properties={"attempt": hostile}).attempt == 1


def test_delays_grow_and_have_an_end_and_jitter() -> None:
    middles = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    for attempt, middle in enumerate(middles, 1):
        found = {retry_rule.delay_after(attempt) for _ in range(50)}
        assert all(0.5 * middle <= each <= 1.5 * middle for each in found)
        assert len(found) > 10


def test_the_trigger_is_what_the_host_needs_to_see() -> None:
    blueprint = func.Blueprint()

    @consumes(
        blueprint,
        Consumer("test-queue", (Said.TYPE,), sessions=True),
        Said,
        output=blueprint.queue_output("out", "work", "STORAGE"),
    )
    async def say(event: Event[Said], out: func.Out[str]) -> None:
        """Say it."""
        out.set(event.data.text)

    app = func.FunctionApp()
    app.register_functions(blueprint)
    [function] = app.get_functions()
    assert function.get_function_name() == "say"
    trigger, output = (each.get_dict_repr() for each in function.get_bindings())
    assert trigger["type"] == "serviceBusTrigger"
    assert (trigger["queueName"], trigger["connection"]) == ("test-queue", "SERVICE_BUS")
    assert trigger["isSessionsEnabled"] is True
    assert output["name"] == "out"

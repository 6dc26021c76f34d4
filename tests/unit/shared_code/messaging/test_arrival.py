"""What was delivered may be anybody's: of everything a copy can be made that the SDK writes down."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest
from azure.functions.servicebus import ServiceBusMessage as Delivered
from azure.servicebus import ServiceBusMessage, ServiceBusMessageBatch

from shared_code.messaging import retry
from shared_code.messaging.arrival import Arrival, Failure

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
FAILURE = Failure("failed", "RuntimeError", "no luck")
PLAIN = Arrival(
    body=b"{}",
    message_id="evt_1:1",
    session_id="s",
    content_type=None,
    correlation_id=None,
    deliveries=1,
    properties={"attempt": 1},
)


def written(message: ServiceBusMessage) -> ServiceBusMessage:
    """The message, once the SDK has encoded it."""
    ServiceBusMessageBatch(256 * 1024).add_message(message)
    return message


def delivered_copy(arrival: Arrival) -> Arrival:
    """The next delivery of a copy, which the SDK has encoded."""
    message = written(arrival.message())
    given: dict[Any, Any] = message.application_properties or {}
    return replace(arrival, message_id=message.message_id or "", properties=given)


@pytest.mark.parametrize(
    ("message_id", "properties", "event_id"),
    [
        ("evt_1:1", {"attempt": 1}, "evt_1"),
        ("evt_1:3", {"attempt": 3}, "evt_1"),
        ("evt_1:1", {}, "evt_1"),
        ("bot:7", {}, "bot:7"),
        ("bot:8", {}, "bot:8"),
        ("bot:7", {"attempt": 1}, "bot:7"),
        ("bot:7:1", {"attempt": 1}, "bot:7"),
        ("a:b", {"attempt": 1}, "a:b"),
        ("a:", {}, "a:"),
        ("theirs", {"attempt": None}, "theirs"),
    ],
)
def test_only_our_own_number_is_taken_off_an_id(
    message_id: str, properties: dict[str, Any], event_id: str
) -> None:
    assert replace(PLAIN, message_id=message_id, properties=properties).event_id == event_id


@pytest.mark.parametrize(
    "message_id",
    [
        "evt_1:1",
        "bot:7",
        "",
        "x" * 117,
        "x" * 121,
        "x" * 128,
        "\U0001f600" * 128,
        "x" * 126 + ":1",
        ":1",
    ],
)
@pytest.mark.parametrize("properties", [{}, {"attempt": 1}, {"attempt": 10**30}])
def test_an_event_keeps_its_id_from_copy_to_copy(
    message_id: str, properties: dict[str, Any]
) -> None:
    first = replace(PLAIN, message_id=message_id, properties=properties)
    second = delivered_copy(first.tried_again(FAILURE, NOW))
    third = delivered_copy(second.waiting())
    dead = delivered_copy(third.dead(FAILURE, NOW))
    assert {each.event_id for each in (second, third, dead)} == {first.event_id}
    assert len(dead.message_id) <= 128


def test_without_an_id_the_body_tells_one_event_from_another() -> None:
    first, other = (
        replace(PLAIN, message_id="", properties={}, body=body) for body in (b"1", b"2")
    )
    assert first.event_id
    assert first.event_id != other.event_id


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (2**31 - 1, 2**31 - 1),
        (2**31, "2147483648"),
        (-(2**63) - 1, "-9223372036854775809"),
        pytest.param(1 << 20_000, hex(1 << 20_000), id="thousands of digits"),
        (True, True),
        (2.5, 2.5),
        (float("inf"), float("inf")),
        (None, None),
        (b"\xff", "\ufffd"),
        ("gr\u00fc\u00df", "gr\u00fc\u00df"),
        ("\ud800", "?"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        ([NOW], '["2026-11-27 12:00:00+00:00"]'),
    ],
)
def test_a_property_is_kept_as_well_as_the_bus_can(given: Any, sent: Any) -> None:
    message = written(replace(PLAIN, properties={"theirs": given}).message())
    assert dict(message.application_properties or {}) == {"theirs": sent}


def test_names_of_properties_are_text() -> None:
    odd: dict[Any, Any] = {7: 1, "\ud800": 2, "": 3}
    message = written(replace(PLAIN, properties=odd).message())
    assert dict(message.application_properties or {}) == {"7": 1, "?": 2, "": 3}


def test_a_property_deeper_than_json_goes_is_let_go() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    message = written(replace(PLAIN, properties={"deep": deep}).message())
    assert dict(message.application_properties or {}) == {"deep": "list"}
    while deep:  # freed level by level: the interpreter's own stack need not hold it
        deep = deep[0]


@pytest.mark.parametrize("name", ["attempt", "held"])
def test_a_huge_count_is_a_count(name: str) -> None:
    hostile = replace(PLAIN, properties={name: 10**30})
    assert 1_000 < hostile.attempt + hostile.held < 10_000_000
    assert retry.delay_after(hostile.attempt) < 451
    assert retry.delay_behind(hostile.held) < 23
    written(hostile.waiting().tried_again(FAILURE, NOW).message())


@pytest.mark.parametrize("count", [1, 1_024, 10**6, 10**30])
def test_no_count_is_too_much_for_the_retry_rule(count: int) -> None:
    assert 0.5 <= retry.delay_after(count) <= 450
    assert 0.5 <= retry.delay_behind(count) <= 22.5


def test_a_failure_s_words_are_few() -> None:
    failure = Failure("refused", "T" * 5_000, "m" * 100_000)
    given = replace(PLAIN).dead(failure, NOW).properties
    assert len(given["failure_type"]) == len(given["failure_message"]) == 1_000


def test_shortened_keeps_what_the_rules_need() -> None:
    first, second = (
        replace(PLAIN, properties={"attempt": 2, "theirs": "x"}).dead(FAILURE, NOW).shortened()
    )
    assert "failure_message" not in first.properties
    assert first.properties["theirs"] == "x"
    assert second.properties.keys() == {
        "attempt", "dead", "failure_reason", "first_failed_at", "last_failed_at"
    }  # fmt: skip


def delivered(**changes: Any) -> func.ServiceBusMessage:
    made: func.ServiceBusMessage = Delivered(
        body=b"{}", message_id="evt_1:1", application_properties={}, user_properties={}, **changes
    )
    return made


def test_a_copy_keeps_subject_and_life() -> None:
    given = delivered(
        subject="rm_1", enqueued_time_utc=NOW, expires_at_utc=NOW + timedelta(hours=1)
    )
    message = written(Arrival.of(given).message())
    assert message.subject == "rm_1"
    assert message.time_to_live == timedelta(hours=1)


@pytest.mark.parametrize(
    ("life", "kept"),
    [
        (timedelta(days=3_000_000), None),
        (timedelta(days=50), None),
        (timedelta(milliseconds=1), timedelta(seconds=1)),
        (timedelta(seconds=-3), timedelta(seconds=1)),
        (None, None),
    ],
)
def test_a_life_that_the_sdk_cannot_write_is_the_queue_s(
    life: timedelta | None, kept: timedelta | None
) -> None:
    message = written(Arrival.of(delivered(time_to_live=life)).message())
    assert message.time_to_live == kept

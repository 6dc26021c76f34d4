"""Events: the envelope as it leaves, and every way in which a message can fail to be one."""

import json
from typing import Any, ClassVar

import pytest

from shared_code.correlation import correlate
from shared_code.messaging import CONSUMERS, QUEUES, Event, EventData
from shared_code.messaging.publish import MAX_EVENT_BYTES, message_of
from shared_code.messaging.reading import Unreadable, read

TYPE = "atrium.test.said.v2"


class Said(EventData):
    TYPE: ClassVar[str] = TYPE

    text: str = ""


def said(text: str = "hi") -> Event[Said]:
    return Event[Said](source="/atrium/test", type=TYPE, subject="rm_1", data=Said(text=text))


def raw(**changes: Any) -> bytes:
    found = json.loads(said().model_dump_json()) | changes
    return json.dumps({name: value for name, value in found.items() if value is not ...}).encode()


def test_the_envelope_is_cloudevents_in_json() -> None:
    found = json.loads(said("grüß").model_dump_json())
    assert found["specversion"] == "1.0"
    assert found["datacontenttype"] == "application/json"
    assert found["id"].startswith("evt_")
    assert found["time"].endswith("Z")
    assert found["data"] == {"text": "grüß"}
    # Attribute names: lower-case letters and digits; `data` is the payload.
    assert all(name.isalnum() and name == name.lower() for name in found)
    assert all(isinstance(value, str) and value for name, value in found.items() if name != "data")


def test_each_event_has_an_id_of_its_own_and_keeps_it() -> None:
    event = said()
    assert event.id != said().id
    assert Event[Said].model_validate_json(event.model_dump_json()) == event


def test_an_event_carries_the_id_of_what_led_to_it_or_its_own() -> None:
    assert (alone := said()).correlationid == alone.id
    correlate("req_1")
    try:
        assert said().correlationid == "req_1"
    finally:
        correlate("")


def test_a_message_says_in_its_properties_what_consumers_filter_on() -> None:
    event = said()
    message = message_of(event)
    assert message.message_id == f"{event.id}:1"
    assert message.session_id == "rm_1"
    assert message.content_type == "application/cloudevents+json"
    assert message.application_properties == {"type": TYPE, "access": "same", "attempt": 1}
    assert message_of(event, session_id="elsewhere").session_id == "elsewhere"


def sized(size: int) -> Event[Said]:
    empty = len(said("").model_dump_json())
    return said("x" * (size - empty))


def test_the_largest_event_is_sent_and_read_and_a_larger_one_is_neither() -> None:
    largest, larger = sized(MAX_EVENT_BYTES), sized(MAX_EVENT_BYTES + 1)
    assert len(b"".join(message_of(largest).body)) == MAX_EVENT_BYTES
    assert read(largest.model_dump_json().encode(), Said) == largest
    with pytest.raises(ValueError, match="does not fit"):
        message_of(larger)
    with pytest.raises(Unreadable) as caught:
        read(larger.model_dump_json().encode(), Said)
    assert caught.value.reason == "oversize"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"not json", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b'{"specversion": "1.0"', "not_json"),
        (b"[]", "not_cloudevents"),
        (b"{}", "not_cloudevents"),
        (b"7", "not_cloudevents"),
        (raw(specversion="0.3"), "not_cloudevents"),
        (raw(id=...), "not_cloudevents"),
        (raw(id=""), "not_cloudevents"),
        (raw(source=None), "not_cloudevents"),
        (raw(datacontenttype="text/xml"), "not_cloudevents"),
        (raw(time="yesterday"), "not_cloudevents"),
        (raw(time="2026-11-23T10:11:12"), "not_cloudevents"),
        (raw(access="perhaps"), "not_cloudevents"),
        (raw(type="atrium.test.other.v2"), "unknown_type"),
        (raw(type="atrium.test.said.v1"), "unknown_type"),
        (raw(type="atrium.test.said.v3"), "newer_version"),
        (raw(type="atrium.test.said.v10"), "newer_version"),
        (raw(type="atrium.test.said"), "unknown_type"),
        (raw(type="atrium.test.said.v" + "9" * 5_000), "unknown_type"),
        (raw(data=None), "schema_invalid"),
        (raw(data=...), "schema_invalid"),
        (raw(data={"text": 7}), "schema_invalid"),
    ],
)
def test_what_is_no_event_of_this_type_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(body, Said)
    assert caught.value.reason == reason
    assert str(caught.value)


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(Unreadable) as caught:
        read(raw(data={"text": ["my secret"]}), Said)
    assert "secret" not in str(caught.value)


def test_attributes_of_later_versions_are_ignored() -> None:
    assert (
        read(raw(traceparent="00-1-2-00", data={"text": "hi", "more": 1}), Said).data.text == "hi"
    )


def test_every_consumer_has_a_queue_of_its_own_with_a_name_that_azure_takes() -> None:
    assert len(set(QUEUES)) == len(CONSUMERS)
    assert all(name.replace("-", "").isalnum() and 3 <= len(name) <= 63 for name in QUEUES)

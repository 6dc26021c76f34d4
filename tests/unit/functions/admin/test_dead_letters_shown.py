"""A dead letter can be shown, whatever lies there."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus._pyamqp.message import Message

from functions.admin.models import DeadLetter, DeadLetterQuery
from shared_code.messaging import dead_letters
from shared_code.messaging.dead_letters.models import dead_letter

LETTER = dead_letters.DeadLetter(
    number=7,
    event_id="evt_1",
    message_id="evt_1:1",
    type=None,
    subject=None,
    session_id=None,
    reason="not_json",
    description=None,
    failure_type=None,
    failure_message=None,
    first_failed_at=None,
    last_failed_at=None,
    attempts=None,
    redrive_count=0,
    enqueued_at=None,
    body=b"",
)


@pytest.mark.parametrize("body", [b'{"a": [1, null]}', b'"text"', b"12"])
def test_json_is_shown_as_it_is(body: bytes) -> None:
    shown = DeadLetter.of(replace(LETTER, body=body))
    assert shown.body is not None
    assert shown.body_base64 is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'"\\ud800"',
        b'{"\\udfff": 1}',
        b"NaN",
        b"[Infinity]",
    ],
)
def test_anything_else_is_shown_as_base64_and_can_be_sent(body: bytes) -> None:
    shown = DeadLetter.of(replace(LETTER, body=body))
    assert base64.b64decode(shown.body_base64 or "") == body
    assert shown.model_dump_json()


def received(**properties: Any) -> ServiceBusReceivedMessage:
    """A dead letter of the SDK, which the bus buried because it had expired."""
    told: dict[str | bytes, Any] = {
        b"DeadLetterReason": b"TTLExpiredException",
        **{name.encode(): value for name, value in properties.items()},
    }
    message = Message(data=[b"{}"], application_properties=told)
    return ServiceBusReceivedMessage(message, receiver=None)


def test_a_reason_of_ours_counts_only_for_what_we_sent_to_its_death() -> None:
    failed_once = received(failure_reason=b"failed", failure_type=b"OSError")
    assert dead_letter(failed_once).reason == "TTLExpiredException"
    assert dead_letter(failed_once).failure_type == "OSError"
    assert dead_letter(received(failure_reason=b"not_json", dead=True)).reason == "not_json"


def test_a_reason_that_the_bus_gives_can_be_asked_for() -> None:
    assert DeadLetterQuery(reason="x" * 4_096).reason

"""Messaging: the envelope, who hears what, and what never leaves."""

import base64
import json
import sys
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import azure.functions as func
import pytest
from pydantic import ValidationError

from shared_code.messaging import Event, EventData, publish, received, schedule
from shared_code.messaging.subscriptions import SUBSCRIPTIONS

QUEUE_MESSAGE_BYTES = 64 * 1024
CHAT = "atrium.chat.room_log_appended.v1"
OPENED = "atrium.realtime.connection_opened.v1"

# The package's `publish` is its function, so the module is asked for by name.
publish_module = sys.modules["shared_code.messaging.publish"]


class Said(EventData):
    TYPE: ClassVar[str] = CHAT

    text: str = ""


@dataclass
class Queue:
    """A queue that keeps what it is sent, and with which options."""

    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    fails: bool = False

    async def send_message(self, text: str, **options: Any) -> None:
        if self.fails:
            raise ConnectionError("no queue")
        self.sent.append((text, options))


@dataclass
class Account:
    """Queues by name."""

    queues: dict[str, Queue] = field(default_factory=dict)

    def get_queue_client(self, name: str) -> Queue:
        return self.queues.setdefault(name, Queue())

    @property
    def heard(self) -> dict[str, int]:
        return {name: len(queue.sent) for name, queue in self.queues.items() if queue.sent}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account()
    monkeypatch.setattr(publish_module, "queue_service", lambda _setting: made)
    return made


def said(
    text: str = "hi", type_: str = CHAT, access: Literal["changed", "same"] = "same"
) -> Event[Said]:
    return Event[Said](
        source="/atrium/test", type=type_, subject="rm_1", access=access, data=Said(text=text)
    )


def test_the_envelope_is_cloudevents_in_json() -> None:
    raw = json.loads(said("grüß").model_dump_json())
    assert raw["specversion"] == "1.0"
    assert raw["datacontenttype"] == "application/json"
    assert raw["id"].startswith("evt_")
    assert raw["time"].endswith("Z")
    assert raw["data"] == {"text": "grüß"}
    # Attribute names: lower-case letters and digits; `data` is the payload.
    assert all(name.isalnum() and name == name.lower() for name in raw)
    assert all(isinstance(value, str) and value for name, value in raw.items() if name != "data")


def test_each_event_has_an_id_of_its_own_and_keeps_it() -> None:
    event = said()
    assert event.id != said().id
    assert Event[Said].model_validate_json(event.model_dump_json()) == event


@pytest.mark.parametrize(
    ("type_", "access", "queues"),
    [
        (CHAT, "same", {"realtime-push": 1}),
        (CHAT, "changed", {"realtime-push": 1, "realtime-access": 1}),
        (OPENED, "same", {"realtime-reconcile": 1}),
        ("atrium.chat.room_log_appended.v2", "changed", {}),
        ("atrium.nobody.listens.v1", "same", {}),
    ],
)
async def test_an_event_reaches_those_who_subscribed_and_nobody_else(
    account: Account, type_: str, access: Literal["changed", "same"], queues: dict[str, int]
) -> None:
    await publish(said(type_=type_, access=access))
    assert account.heard == queues


async def test_a_message_is_base64_of_the_event_as_the_functions_host_expects(
    account: Account,
) -> None:
    event = said("grüß 🜁")
    await publish(event)
    text, options = account.queues["realtime-push"].sent[0]
    assert Event[Said].model_validate_json(base64.b64decode(text, validate=True)) == event
    assert options == {"visibility_timeout": None, "time_to_live": 60}


async def test_a_scheduled_event_is_hidden_until_its_time(account: Account) -> None:
    await schedule(said(type_=OPENED), after_seconds=3)
    _, options = account.queues["realtime-reconcile"].sent[0]
    assert options == {"visibility_timeout": 3, "time_to_live": 300}


def sized(size: int) -> Event[Said]:
    empty = len(said("").model_dump_json())
    return said("x" * (size - empty))


async def test_the_largest_event_fits_a_queue_message(account: Account) -> None:
    await publish(sized(publish_module.MAX_EVENT_BYTES))
    text, _ = account.queues["realtime-push"].sent[0]
    assert len(text) <= QUEUE_MESSAGE_BYTES
    assert len(base64.b64decode(text)) == publish_module.MAX_EVENT_BYTES


async def test_an_event_that_is_too_large_reaches_nobody(account: Account) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        await publish(sized(publish_module.MAX_EVENT_BYTES + 1))
    assert account.heard == {}


async def test_a_consumer_s_full_queue_is_the_publisher_s_error(account: Account) -> None:
    account.queues["realtime-access"] = Queue(fails=True)
    with pytest.raises(ConnectionError):
        await publish(said(access="changed"))


def message(body: bytes) -> func.QueueMessage:
    return func.QueueMessage(body=body)


def test_what_was_published_is_what_is_received() -> None:
    event = said("grüß")
    assert received(message(event.model_dump_json().encode()), Said) == event


def test_an_event_of_another_type_is_refused() -> None:
    other = said(type_="atrium.chat.room_log_appended.v2")
    with pytest.raises(ValueError, match="expected atrium"):
        received(message(other.model_dump_json().encode()), Said)


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"datacontenttype": "text/xml"},
        {"time": "yesterday"},
        {"time": "2026-11-23T10:11:12"},
        {"access": "perhaps"},
        {"data": None},
        {"data": {"text": 7}},
        {"source": None},
    ],
)
def test_what_is_no_event_is_refused(change: dict[str, Any]) -> None:
    raw = json.loads(said().model_dump_json()) | change
    with pytest.raises(ValidationError):
        received(message(json.dumps(raw).encode()), Said)


@pytest.mark.parametrize("body", [b"", b"{}", b"not json", b"\xff\xfe", b"[]"])
def test_a_message_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(ValidationError):
        received(message(body), Said)


def test_every_consumer_has_a_queue_of_its_own_with_a_name_that_azure_takes() -> None:
    names = [each.queue for each in SUBSCRIPTIONS]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalnum() and 3 <= len(name) <= 63 for name in names)

"""The broker is killed: nothing that it accepted is lost, and no number is given twice."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.servicebus import (
    NEXT_AVAILABLE_SESSION,
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceivedMessage,
    ServiceBusSubQueue,
)
from azure.servicebus.exceptions import ServiceBusError

from tests.harness.service_bus import Broker, broker, entities
from tests.integration.service_bus.conftest import subscription

pytestmark = pytest.mark.long  # together they take minutes

WAIT = 5
CONFIG = entities(
    {
        "q": {},
        "kept": {"MaxDeliveryCount": 3, "LockDuration": "PT5S"},
        "s": {"RequiresSession": True},
        "unique": {
            "RequiresDuplicateDetection": True,
            "DuplicateDetectionHistoryTimeWindow": "PT5M",
        },
    },
    {"t": [subscription("sub")]},
)


def client(running: Broker) -> ServiceBusClient:
    return ServiceBusClient.from_connection_string(running.connection_string(), retry_total=0)


def text(message: ServiceBusReceivedMessage) -> str:
    return b"".join(message.body).decode()


def drained(found: ServiceBusClient, queue: str) -> list[ServiceBusReceivedMessage]:
    got: list[ServiceBusReceivedMessage] = []
    with found.get_queue_receiver(queue, prefetch_count=200) as receiver:
        while messages := receiver.receive_messages(200, max_wait_time=1):
            for message in messages:
                receiver.complete_message(message)
            got += messages
    return got


# The SDK leaves the broken socket to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_kill_in_the_middle_of_sending_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    with broker(tmp_path, CONFIG) as running:
        accepted: list[str] = []
        enough = threading.Event()

        def send() -> None:
            with client(running) as mine, mine.get_queue_sender("q") as sender:
                while True:
                    body = str(len(accepted))
                    sender.send_messages(ServiceBusMessage(body))
                    accepted.append(body)
                    if len(accepted) >= 200:
                        enough.set()

        def until_killed() -> None:
            with pytest.raises((ServiceBusError, OSError)):
                send()

        sending = threading.Thread(target=until_killed)
        sending.start()
        assert enough.wait(30)
        running.kill()
        sending.join(60)
        running.restart()
        with client(running) as found:
            got = drained(found, "q")
    texts = [text(each) for each in got]
    assert texts[: len(accepted)] == accepted
    assert len(texts) <= len(accepted) + 1, "at most the one that was on its way"
    numbers = [each.sequence_number or 0 for each in got]
    assert numbers == sorted(set(numbers))


def test_numbers_go_on_after_a_queue_was_emptied_and_the_broker_killed(tmp_path: Path) -> None:
    with broker(tmp_path, CONFIG) as running:
        with client(running) as found:
            with found.get_queue_sender("q") as sender:
                sender.send_messages([ServiceBusMessage("a"), ServiceBusMessage("b")])
            before = [each.sequence_number or 0 for each in drained(found, "q")]
        running.kill()
        running.restart()
        with client(running) as found:
            with found.get_queue_sender("q") as sender:
                sender.send_messages(ServiceBusMessage("c"))
            [after] = drained(found, "q")
    assert (after.sequence_number or 0) > max(before)


def test_every_kind_of_state_survives_a_kill(tmp_path: Path) -> None:
    with broker(tmp_path, CONFIG) as running:
        with client(running) as found:
            _make_states(found)
        running.kill()
        running.restart()
        with client(running) as found:
            _check_states(found)


def _make_states(found: ServiceBusClient) -> None:
    with found.get_queue_sender("kept") as sender, found.get_queue_receiver("kept") as receiver:
        sender.send_messages([ServiceBusMessage(each) for each in ("dead", "deferred", "tried")])
        for wanted in ("dead", "deferred", "tried"):
            [message] = receiver.receive_messages(1, max_wait_time=WAIT)
            assert text(message) == wanted
            if wanted == "dead":
                receiver.dead_letter_message(message, reason="why")
            elif wanted == "deferred":
                receiver.defer_message(message)
            else:
                receiver.abandon_message(message)
        sender.schedule_messages(
            ServiceBusMessage("scheduled"), datetime.now(UTC) + timedelta(hours=1)
        )
    with found.get_queue_sender("s") as sender:
        sender.send_messages(ServiceBusMessage("in session", session_id="a"))
    with found.get_queue_receiver("s", session_id="a") as receiver:
        receiver.session.set_state(b"state")
    with found.get_queue_sender("unique") as sender:
        sender.send_messages(ServiceBusMessage("once", message_id="same"))
    with found.get_topic_sender("t") as sender:
        sender.send_messages(ServiceBusMessage("published"))


def _check_states(found: ServiceBusClient) -> None:
    with found.get_queue_receiver("kept", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as graves:
        [dead] = graves.receive_messages(1, max_wait_time=WAIT)
        assert (text(dead), dead.dead_letter_reason) == ("dead", "why")
    with found.get_queue_receiver("kept") as receiver:
        seen = {
            text(each): each.state.value for each in receiver.peek_messages(10, sequence_number=1)
        }
        assert seen == {"deferred": 1, "tried": 0, "scheduled": 2}
        [tried] = receiver.receive_messages(1, max_wait_time=WAIT)
        assert (text(tried), tried.delivery_count) == ("tried", 1)
    with found.get_queue_receiver("s", session_id=NEXT_AVAILABLE_SESSION) as receiver:
        assert receiver.session.get_state() == b"state"
        assert len(receiver.receive_messages(1, max_wait_time=WAIT)) == 1
    with found.get_queue_sender("unique") as sender:
        sender.send_messages(ServiceBusMessage("again", message_id="same"))
    assert [text(each) for each in drained(found, "unique")] == ["once"]
    with found.get_subscription_receiver("t", "sub") as receiver:
        assert [text(each) for each in receiver.receive_messages(1, max_wait_time=WAIT)] == [
            "published"
        ]


def test_a_database_in_use_and_a_bad_config_are_said(tmp_path: Path) -> None:
    with broker(tmp_path, CONFIG), pytest.raises(AssertionError, match="locked"):
        Broker(tmp_path, CONFIG)
    other = tmp_path / "bad"
    other.mkdir()
    with pytest.raises(AssertionError, match=r"Queues\[0\]\.Properties\.LockDuration: PT1S"):
        Broker(other, entities({"q": {"LockDuration": "PT1S"}}))

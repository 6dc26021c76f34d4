"""Sessions, through the official SDK."""

import pytest
from azure.servicebus import (
    NEXT_AVAILABLE_SESSION,
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceivedMessage,
)
from azure.servicebus.exceptions import (
    OperationTimeoutError,
    ServiceBusError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from tests.harness.waiting import until

pytestmark = pytest.mark.long  # together they take minutes

WAIT = 5


def send(client: ServiceBusClient, queue: str, session_id: str, *texts: str) -> None:
    with client.get_queue_sender(queue) as sender:
        sender.send_messages([ServiceBusMessage(each, session_id=session_id) for each in texts])


def text(message: ServiceBusReceivedMessage) -> str:
    return b"".join(message.body).decode()


def test_a_session_is_read_in_order_by_its_holder_alone(client: ServiceBusClient) -> None:
    send(client, "sessions", "a", "1", "2", "3")
    send(client, "sessions", "b", "other")
    with client.get_queue_receiver("sessions", session_id="a") as receiver:
        with (
            pytest.raises(SessionCannotBeLockedError),
            client.get_queue_receiver("sessions", session_id="a"),
        ):
            pass
        got: list[str] = []
        while len(got) < 3:
            for message in receiver.receive_messages(3, max_wait_time=WAIT):
                got.append(text(message))
                receiver.complete_message(message)
        assert got == ["1", "2", "3"]
        assert receiver.receive_messages(1, max_wait_time=1) == []
    with client.get_queue_receiver("sessions", session_id=NEXT_AVAILABLE_SESSION) as receiver:
        assert receiver.session.session_id == "b"
        [message] = receiver.receive_messages(1, max_wait_time=WAIT)
        receiver.complete_message(message)


def test_the_next_session_is_waited_for_and_no_longer_than_asked(client: ServiceBusClient) -> None:
    with (
        pytest.raises(OperationTimeoutError),
        client.get_queue_receiver("turns", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1),
    ):
        pass
    send(client, "turns", "x", "1")
    with client.get_queue_receiver(
        "turns", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=WAIT
    ) as receiver:
        assert receiver.session.session_id == "x"
        receiver.complete_message(receiver.receive_messages(1, max_wait_time=WAIT)[0])


def test_a_state_outlives_its_holder_and_sessions_are_listed(client: ServiceBusClient) -> None:
    send(client, "states", "s", "1")
    with client.get_queue_receiver("states", session_id="s") as receiver:
        assert receiver.session.get_state() is None
        receiver.session.set_state(b"\x00state")
        receiver.complete_message(receiver.receive_messages(1, max_wait_time=WAIT)[0])
    assert list(client.list_queue_sessions("states")) == ["s"]
    with client.get_queue_receiver("states", session_id="s") as receiver:
        assert receiver.session.get_state() == b"\x00state"
        receiver.session.set_state(None)
        assert receiver.session.get_state() is None
    assert list(client.list_queue_sessions("states")) == []


def test_a_session_that_is_not_renewed_is_lost_and_its_message_counts(
    client: ServiceBusClient,
) -> None:
    send(client, "lost", "l", "1")
    with client.get_queue_receiver("lost", session_id="l") as receiver:
        [message] = receiver.receive_messages(1, max_wait_time=WAIT)
        before = receiver.session.locked_until_utc
        receiver.session.renew_lock()
        after = receiver.session.locked_until_utc
        assert before
        assert after
        assert after > before

        def is_lost() -> bool:
            try:
                receiver.session.get_state()
            except SessionLockLostError:
                return True
            except ServiceBusError:  # a slow machine: it says nothing of the lock
                return False
            return False

        until(is_lost, "the lock is over", 15)
        with pytest.raises((SessionLockLostError, ServiceBusError)):
            receiver.complete_message(message)
    with client.get_queue_receiver("lost", session_id="l") as receiver:
        [again] = receiver.receive_messages(1, max_wait_time=WAIT)
        assert again.delivery_count == 1
        receiver.complete_message(again)


def test_closing_gives_messages_back_without_counting(client: ServiceBusClient) -> None:
    send(client, "lost", "c", "1")
    for _ in range(2):
        with client.get_queue_receiver("lost", session_id="c") as receiver:
            [message] = receiver.receive_messages(1, max_wait_time=WAIT)
            assert message.delivery_count == 0
    with client.get_queue_receiver("lost", session_id="c") as receiver:
        receiver.complete_message(receiver.receive_messages(1, max_wait_time=WAIT)[0])


def test_a_message_without_a_session_is_refused(client: ServiceBusClient) -> None:
    with (
        client.get_queue_sender("sessions") as sender,
        pytest.raises(ServiceBusError, match="SessionId"),
    ):
        sender.send_messages(ServiceBusMessage("nobody's"))

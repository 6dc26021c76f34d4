"""Queues, through the official SDK: every way to send, receive and settle."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from azure.servicebus import (
    AutoLockRenewer,
    ServiceBusClient,
    ServiceBusMessage,
    ServiceBusReceivedMessage,
    ServiceBusReceiveMode,
    ServiceBusReceiver,
    ServiceBusSubQueue,
)
from azure.servicebus.amqp import AmqpAnnotatedMessage
from azure.servicebus.exceptions import (
    MessageLockLostError,
    MessageNotFoundError,
    MessageSizeExceededError,
    MessagingEntityNotFoundError,
    ServiceBusError,
)

from tests.harness.waiting import until

pytestmark = pytest.mark.long  # together they take minutes

WAIT = 5


def send(client: ServiceBusClient, queue: str, *messages: ServiceBusMessage) -> None:
    with client.get_queue_sender(queue) as sender:
        sender.send_messages(list(messages))


def text(message: ServiceBusReceivedMessage) -> str:
    return b"".join(message.body).decode()


def one(receiver: ServiceBusReceiver) -> ServiceBusReceivedMessage:
    [message] = receiver.receive_messages(max_message_count=1, max_wait_time=WAIT)
    return message


def none(receiver: ServiceBusReceiver) -> bool:
    return receiver.receive_messages(max_message_count=1, max_wait_time=1) == []


def dead(client: ServiceBusClient, queue: str) -> ServiceBusReceiver:
    return client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER)


def test_a_message_arrives_as_it_was_sent_and_is_gone_once_completed(
    client: ServiceBusClient,
) -> None:
    given: dict[str | bytes, Any] = {"text": "grüß", "n": 7, "f": 2.5, "yes": True, "id": uuid4()}
    message = ServiceBusMessage(
        b"\x00\xffbody",
        message_id="m-1",
        subject="label",
        correlation_id="c-1",
        content_type="text/plain",
        reply_to="back",
        to="there",
        time_to_live=timedelta(minutes=10),
        application_properties=given,
    )
    send(client, "plain", message)
    with client.get_queue_receiver("plain") as receiver:
        got = one(receiver)
        assert b"".join(got.body) == b"\x00\xffbody"
        assert (got.message_id, got.subject, got.correlation_id) == ("m-1", "label", "c-1")
        assert (got.content_type, got.reply_to, got.to) == ("text/plain", "back", "there")
        assert got.time_to_live == timedelta(minutes=10)
        properties = got.application_properties or {}
        assert properties[b"n"] == 7
        assert properties[b"f"] == 2.5
        assert properties[b"yes"] is True
        assert properties[b"id"] == given["id"]
        assert got.delivery_count == 0
        assert got.sequence_number
        assert abs((got.enqueued_time_utc or datetime.now(UTC)) - datetime.now(UTC)) < timedelta(
            minutes=1
        )
        receiver.complete_message(got)
        assert none(receiver)
        with pytest.raises(ValueError, match="settled"):
            receiver.complete_message(got)


def test_what_is_abandoned_comes_again_and_at_last_is_dead(client: ServiceBusClient) -> None:
    send(client, "plain", ServiceBusMessage("try"))
    with client.get_queue_receiver("plain") as receiver, dead(client, "plain") as graves:
        for tried in range(3):
            got = one(receiver)
            assert got.delivery_count == tried
            receiver.abandon_message(got)
        assert none(receiver)
        buried = one(graves)
        assert buried.dead_letter_reason == "MaxDeliveryCountExceeded"
        assert buried.dead_letter_error_description is not None
        assert "after 3 delivery attempts" in buried.dead_letter_error_description
        assert buried.dead_letter_source == "plain"
        graves.complete_message(buried)


def test_what_is_abandoned_regains_its_place(client: ServiceBusClient) -> None:
    send(client, "plain", *[ServiceBusMessage(each) for each in "abc"])
    with client.get_queue_receiver("plain") as receiver:
        first, second = receiver.receive_messages(max_message_count=2, max_wait_time=WAIT)
        receiver.abandon_message(second)
        receiver.abandon_message(first)
        seen = [one(receiver) for _ in range(3)]
        assert [text(each) for each in seen] == ["a", "b", "c"]
        for each in seen:
            receiver.complete_message(each)


def test_a_dead_letter_carries_why(client: ServiceBusClient) -> None:
    send(client, "plain", ServiceBusMessage("bad", application_properties={"kept": 1}))
    with client.get_queue_receiver("plain") as receiver, dead(client, "plain") as graves:
        receiver.dead_letter_message(one(receiver), reason="why", error_description="because")
        buried = one(graves)
        assert (buried.dead_letter_reason, buried.dead_letter_error_description) == (
            "why",
            "because",
        )
        assert (buried.application_properties or {})[b"kept"] == 1
        graves.complete_message(buried)


def test_what_is_deferred_is_had_by_its_number_alone(client: ServiceBusClient) -> None:
    send(client, "deferred", ServiceBusMessage("later"))
    with client.get_queue_receiver("deferred") as receiver:
        got = one(receiver)
        number = got.sequence_number or 0
        receiver.defer_message(got)
        assert none(receiver)
        [again] = receiver.receive_deferred_messages(number)
        assert text(again) == "later"
        receiver.renew_message_lock(again)
        receiver.complete_message(again)
        with pytest.raises(MessageNotFoundError):
            receiver.receive_deferred_messages(number)


def test_scheduled_messages_arrive_at_their_time_and_can_be_cancelled(
    client: ServiceBusClient,
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    soon, never = now + timedelta(seconds=3), now + timedelta(hours=1)
    with (
        client.get_queue_sender("scheduled") as sender,
        client.get_queue_receiver("scheduled") as receiver,
    ):
        sender.schedule_messages(ServiceBusMessage("by the operation"), soon)
        numbers = sender.schedule_messages([ServiceBusMessage("no")] * 2, never)
        sender.send_messages(ServiceBusMessage("by property", scheduled_enqueue_time_utc=soon))
        assert [each.state.value for each in receiver.peek_messages(10)] == [2, 2, 2, 2]
        sender.cancel_scheduled_messages(numbers)
        with pytest.raises(MessageNotFoundError):
            sender.cancel_scheduled_messages(numbers)
        got = [one(receiver), one(receiver)]
        assert {text(each) for each in got} == {"by the operation", "by property"}
        assert all((each.enqueued_time_utc or soon) >= soon for each in got)
        for each in got:
            receiver.complete_message(each)
        assert none(receiver)


def test_a_lock_that_is_over_gives_the_message_to_others_and_counts(
    client: ServiceBusClient,
) -> None:
    send(client, "locks", ServiceBusMessage("slow"))
    with client.get_queue_receiver("locks") as receiver:
        got = one(receiver)
        again = until(lambda: receiver.receive_messages(1, max_wait_time=2), "it comes again", 15)[
            0
        ]
        assert (text(again), again.delivery_count) == ("slow", 1)
        with pytest.raises(MessageLockLostError):
            receiver.complete_message(got)
        receiver.complete_message(again)


def test_a_lock_that_is_renewed_holds(client: ServiceBusClient) -> None:
    send(client, "locks", ServiceBusMessage("long"))
    with client.get_queue_receiver("locks") as receiver, AutoLockRenewer() as renewer:
        got = one(receiver)
        renewer.register(receiver, got, max_lock_renewal_duration=30)
        first = got.locked_until_utc
        until(lambda: got.locked_until_utc != first, "the lock is renewed", 10)
        assert none(receiver)
        receiver.complete_message(got)


def test_what_expires_is_dead_or_gone_as_the_queue_says(client: ServiceBusClient) -> None:
    brief = timedelta(seconds=1)
    for queue in ("expiring", "forgetting"):
        send(client, queue, ServiceBusMessage("brief", time_to_live=brief))
    with dead(client, "expiring") as graves:
        buried = until(lambda: graves.receive_messages(1, max_wait_time=2), "it is dead", 10)[0]
        assert buried.dead_letter_reason == "TTLExpiredException"
        graves.complete_message(buried)
    with client.get_queue_receiver("forgetting") as receiver, dead(client, "forgetting") as graves:
        assert none(receiver)
        assert none(graves)


def test_receive_and_delete_takes_messages_for_good(client: ServiceBusClient) -> None:
    send(client, "plain", *[ServiceBusMessage(str(n)) for n in range(20)])
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    with client.get_queue_receiver("plain", receive_mode=mode) as receiver:
        got: list[str] = []
        while len(got) < 20:
            got += [text(each) for each in receiver.receive_messages(20, max_wait_time=WAIT)]
    assert got == [str(n) for n in range(20)]
    with client.get_queue_receiver("plain") as receiver:
        assert none(receiver)


def test_a_repeated_id_is_dropped_within_the_window_and_not_after(client: ServiceBusClient) -> None:
    with (
        client.get_queue_sender("unique") as sender,
        client.get_queue_receiver("unique") as receiver,
    ):
        for _ in range(3):
            sender.send_messages(ServiceBusMessage("once", message_id="same"))
        receiver.complete_message(one(receiver))
        assert none(receiver)

        def taken_again() -> list[ServiceBusReceivedMessage]:
            sender.send_messages(ServiceBusMessage("again", message_id="same"))
            return receiver.receive_messages(1, max_wait_time=0.5)

        for message in until(taken_again, "the window is over", 15):
            receiver.complete_message(message)


def test_peeking_shows_all_states_and_takes_nothing(client: ServiceBusClient) -> None:
    send(client, "peeked", *[ServiceBusMessage(each) for each in "abc"])
    with (
        client.get_queue_receiver("peeked") as receiver,
        client.get_queue_sender("peeked") as sender,
    ):
        sender.schedule_messages(ServiceBusMessage("d"), datetime.now(UTC) + timedelta(hours=1))
        receiver.defer_message(one(receiver))
        locked = one(receiver)
        seen = receiver.peek_messages(max_message_count=10, sequence_number=1)
        assert [(text(each), each.state.value) for each in seen] == [
            ("a", 1),
            ("b", 0),
            ("c", 0),
            ("d", 2),
        ]
        after = receiver.peek_messages(10, sequence_number=(seen[1].sequence_number or 0) + 1)
        assert [text(each) for each in after] == ["c", "d"]
        receiver.complete_message(locked)


def test_a_batch_arrives_whole_and_in_order(client: ServiceBusClient) -> None:
    with client.get_queue_sender("batches") as sender:
        batch = sender.create_message_batch()
        for n in range(500):
            batch.add_message(ServiceBusMessage(str(n)))
        sender.send_messages(batch)
    with client.get_queue_receiver("batches", prefetch_count=100) as receiver:
        got: list[str] = []
        while len(got) < 500:
            for each in receiver.receive_messages(100, max_wait_time=WAIT):
                got.append(text(each))
                receiver.complete_message(each)
    assert got == [str(n) for n in range(500)]


def test_large_messages_cross_in_many_frames_and_larger_ones_are_refused(
    client: ServiceBusClient,
) -> None:
    body = bytes(range(256)) * 900
    send(client, "large", ServiceBusMessage(body))
    with client.get_queue_receiver("large") as receiver:
        got = one(receiver)
        assert b"".join(got.body) == body
        receiver.complete_message(got)
    with client.get_queue_sender("large") as sender, pytest.raises(MessageSizeExceededError):
        sender.send_messages(ServiceBusMessage(b"x" * (300 * 1024)))


@pytest.mark.parametrize("content", [{"value_body": {"a": [1, 2]}}, {"sequence_body": [[1, "x"]]}])
def test_bodies_of_other_kinds_pass(client: ServiceBusClient, content: dict[str, Any]) -> None:
    with (
        client.get_queue_sender("values") as sender,
        client.get_queue_receiver("values") as receiver,
    ):
        sender.send_messages(AmqpAnnotatedMessage(**content))
        got = one(receiver)
        assert got.body_type.value in {"value", "sequence"}
        receiver.complete_message(got)


def test_what_is_forwarded_arrives_at_the_target_alone(client: ServiceBusClient) -> None:
    send(client, "forwarding", ServiceBusMessage("on"))
    with client.get_queue_receiver("target") as receiver:
        got = one(receiver)
        assert text(got) == "on"
        receiver.complete_message(got)


def test_dead_letters_can_be_forwarded_too(client: ServiceBusClient) -> None:
    send(client, "burying", ServiceBusMessage("bad"))
    with client.get_queue_receiver("burying") as receiver:
        receiver.abandon_message(one(receiver))
    with client.get_queue_receiver("graveyard") as graves:
        got = one(graves)
        assert (text(got), got.dead_letter_reason) == ("bad", "MaxDeliveryCountExceeded")
        graves.complete_message(got)


def test_what_is_not_there_is_said(client: ServiceBusClient) -> None:
    with pytest.raises(MessagingEntityNotFoundError), client.get_queue_sender("nowhere"):
        pass
    with pytest.raises(ServiceBusError), client.get_queue_receiver("sessions"):
        pass

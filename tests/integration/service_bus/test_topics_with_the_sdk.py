"""Topics, subscriptions, filters and actions, through the official SDK."""

from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSubQueue

pytestmark = pytest.mark.long  # together they take minutes

WAIT = 5


def publish(
    client: ServiceBusClient,
    body: str,
    subject: str | None = None,
    topic: str = "news",
    **given: Any,
) -> None:
    properties: dict[str | bytes, Any] = dict(given.items())
    with client.get_topic_sender(topic) as sender:
        sender.send_messages(
            ServiceBusMessage(body, subject=subject, application_properties=properties)
        )


def heard(client: ServiceBusClient, subscription: str, topic: str = "news") -> list[Any]:
    with client.get_subscription_receiver(topic, subscription) as receiver:
        got = []
        while messages := receiver.receive_messages(10, max_wait_time=1):
            for message in messages:
                got.append(message)
                receiver.complete_message(message)
    return got


def texts(messages: list[Any]) -> list[str]:
    return [b"".join(each.body).decode() for each in messages]


def test_each_subscription_hears_what_its_rules_let_through(client: ServiceBusClient) -> None:
    publish(client, "plain")
    publish(client, "small red", color="red", size=3)
    publish(client, "large red", color="red", size=4)
    publish(client, "labelled", subject="hot", n=7)
    publish(client, "wrongly labelled", subject="hot", n=8)
    assert len(heard(client, "all")) == 5
    assert texts(heard(client, "red")) == ["large red"]
    assert texts(heard(client, "labels")) == ["labelled"]


def test_an_action_changes_its_own_copy_alone(client: ServiceBusClient) -> None:
    publish(client, "colored", subject="old", topic="edited", color="blue", size=1)
    [changed] = heard(client, "changed", "edited")
    properties = changed.application_properties
    assert properties == {b"color": b"blue", b"seen": True}
    assert changed.subject == "new"
    [plain] = heard(client, "all", "edited")
    assert plain.subject == "old"
    assert plain.application_properties == {b"color": b"blue", b"size": 1}


def test_a_subscription_forwards_to_its_queue(client: ServiceBusClient) -> None:
    publish(client, "forwarded")
    with client.get_queue_receiver("target") as receiver:
        found: list[str] = []
        while "forwarded" not in found:
            for message in receiver.receive_messages(10, max_wait_time=WAIT):
                found += texts([message])
                receiver.complete_message(message)
    heard(client, "all")


def test_what_has_no_session_is_dead_where_one_is_needed(client: ServiceBusClient) -> None:
    publish(client, "nobody's")
    dead = client.get_subscription_receiver(
        "news", "needs-session", sub_queue=ServiceBusSubQueue.DEAD_LETTER
    )
    with dead:
        found = dead.receive_messages(50, max_wait_time=WAIT)
        assert "nobody's" in texts(found)
        assert {each.dead_letter_reason for each in found} == {"Session ID is null"}
        for message in found:
            dead.complete_message(message)
    heard(client, "all")

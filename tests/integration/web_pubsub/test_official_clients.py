"""``azure-messaging-webpubsubclient``, sync and async, unchanged and with its defaults."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from azure.messaging.webpubsubclient import WebPubSubClient, WebPubSubClientCredential
from azure.messaging.webpubsubclient.aio import WebPubSubClient as AsyncClient
from azure.messaging.webpubsubclient.models import (
    CallbackType,
    OnGroupDataMessageArgs,
    SendMessageError,
    WebPubSubDataType,
    WebPubSubProtocolType,
)

from tests.harness.waiting import until, until_async
from tests.integration.web_pubsub.harness import EVERYTHING, Emulator, Wire

BOTH = [WebPubSubProtocolType.JSON, WebPubSubProtocolType.JSON_RELIABLE]


class Inbox:
    """What one client has heard."""

    def __init__(self) -> None:
        self.data: list[Any] = []
        self.connected = threading.Event()

    def on_message(self, message: OnGroupDataMessageArgs) -> None:
        self.data.append(message.data)

    async def on_message_async(self, message: OnGroupDataMessageArgs) -> None:
        self.data.append(message.data)


@contextmanager
def opened(url: str, protocol: WebPubSubProtocolType) -> Iterator[tuple[WebPubSubClient, Inbox]]:
    inbox = Inbox()
    client = WebPubSubClient(WebPubSubClientCredential(url), protocol_type=protocol)
    client.subscribe(CallbackType.CONNECTED, lambda _: inbox.connected.set())
    client.subscribe(CallbackType.GROUP_MESSAGE, inbox.on_message)
    client.subscribe(CallbackType.SERVER_MESSAGE, inbox.on_message)  # type: ignore[call-overload] # data only
    with client:
        assert inbox.connected.wait(10)
        yield client, inbox


@pytest.mark.parametrize("protocol", BOTH)
def test_clients_join_and_send_with_and_without_echo(
    emulator: Emulator, hub: str, protocol: WebPubSubProtocolType
) -> None:
    url = emulator.client_url(hub, user_id="ann", roles=EVERYTHING)
    with opened(url, protocol) as (ann, anns), opened(url, protocol) as (bob, bobs):
        ann.join_group("g")
        bob.join_group("g")
        ann.send_to_group("g", {"n": 1}, WebPubSubDataType.JSON)
        ann.send_to_group("g", "text", WebPubSubDataType.TEXT, no_echo=True)
        ann.send_to_group("g", memoryview(b"\x00"), WebPubSubDataType.BINARY)
        until(lambda: len(bobs.data) == 3, "three messages for bob")
        until(lambda: len(anns.data) == 2, "two messages for ann")
        assert sorted(map(repr, bobs.data[:2])) == ["'text'", "{'n': 1}"]
        bob.leave_group("g")
        ann.send_to_group("g", "last", WebPubSubDataType.TEXT)
        until(lambda: len(anns.data) == 3, "ann hears herself")
        assert len(bobs.data) == 3


def test_a_duplicate_ack_id_counts_as_success_and_sends_once(emulator: Emulator, hub: str) -> None:
    url = emulator.client_url(hub, roles=EVERYTHING, groups=["g"])
    with opened(url, WebPubSubProtocolType.JSON_RELIABLE) as (client, inbox):
        for _ in range(3):
            client.send_to_group("g", "once", WebPubSubDataType.TEXT, ack_id=7)
        client.send_to_group("g", "end", WebPubSubDataType.TEXT)
        until(lambda: "end" in inbox.data, "the last message")
        assert inbox.data.count("once") == 1


def test_a_forbidden_request_reaches_the_client_as_an_error(emulator: Emulator, hub: str) -> None:
    client = WebPubSubClient(emulator.client_url(hub), message_retry_total=0)
    with client, pytest.raises(SendMessageError) as caught:
        client.join_group("g")
    assert caught.value.error_detail is not None
    assert caught.value.error_detail.name == "Forbidden"


def test_after_an_abrupt_drop_nothing_is_lost_and_nothing_doubled(
    emulator: Emulator, hub: str, wire: Wire
) -> None:
    url = wire.through(emulator.client_url(hub, roles=EVERYTHING, groups=["g"]))
    with (
        emulator.service(hub) as service,
        opened(url, WebPubSubProtocolType.JSON_RELIABLE) as (client, inbox),
    ):
        connection_id = client._connection_id
        for number in range(30):
            if number == 10:
                wire.cut()
            if number == 20:
                wire.mend()
            service.send_to_group("g", {"n": number})
        until(lambda: len(inbox.data) >= 30, "all thirty messages")
        client.send_to_group("g", "end", WebPubSubDataType.TEXT)
        until(lambda: "end" in inbox.data, "the last message")
        assert client._connection_id == connection_id
        heard = [each["n"] for each in inbox.data if each != "end"]
        assert sorted(heard) == list(range(30))


async def test_the_asynchronous_client_recovers_in_order(
    emulator: Emulator, hub: str, wire: Wire
) -> None:
    url = wire.through(emulator.client_url(hub, roles=EVERYTHING))
    inbox = Inbox()
    client = AsyncClient(url)
    await client.subscribe(CallbackType.GROUP_MESSAGE, inbox.on_message_async)
    async with client:
        await client.join_group("g")
        with emulator.service(hub) as service:
            await _send_across_a_cut(lambda number: service.send_to_group("g", {"n": number}), wire)

        async def complete() -> bool:
            return len(inbox.data) >= 20

        await until_async(complete, "all twenty messages")
        await client.send_to_group("g", "hi", WebPubSubDataType.TEXT)
        assert [each["n"] for each in inbox.data[:20]] == list(range(20))


async def _send_across_a_cut(send: Callable[[int], None], wire: Wire) -> None:
    for number in range(20):
        if number == 5:
            wire.cut()
        send(number)
    wire.mend()

"""The official Python client under faults: what it survives, and what it makes of the rest."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from azure.messaging.webpubsubclient.aio import WebPubSubClient
from azure.messaging.webpubsubclient.models import CallbackType, WebPubSubDataType

from tests.harness.waiting import until_async
from tests.integration.web_pubsub.admin import Admin
from tests.integration.web_pubsub.harness import EVERYTHING, Clients, Emulator


class Heard:
    """What the client's program has heard."""

    def __init__(self) -> None:
        self.data: list[str] = []
        self.connections: list[str] = []

    async def on_message(self, message: Any) -> None:
        self.data.append(message.data)

    async def on_connected(self, connected: Any) -> None:
        self.connections.append(connected.connection_id)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        async def met() -> bool:
            return condition()

        await until_async(met, what)


@pytest_asyncio.fixture
async def admin(emulator: Emulator, clients: Clients) -> AsyncIterator[Admin]:
    """The admin API of the session's emulator."""
    yield Admin(emulator, clients.session)


@asynccontextmanager
async def member(
    emulator: Emulator, hub: str, **options: Any
) -> AsyncIterator[tuple[WebPubSubClient, Heard]]:
    """A reliable client in the group ``g``."""
    url = await asyncio.to_thread(emulator.client_url, hub, roles=EVERYTHING)
    client, heard = WebPubSubClient(url, **options), Heard()
    await client.subscribe(CallbackType.GROUP_MESSAGE, heard.on_message)
    await client.subscribe(CallbackType.CONNECTED, heard.on_connected)
    async with client:
        await client.join_group("g")
        yield client, heard


async def publish(emulator: Emulator, hub: str, *texts: str) -> None:
    def send() -> None:
        with emulator.service(hub) as service:
            for text in texts:
                service.send_to_group("g", text, content_type="text/plain")

    await asyncio.to_thread(send)


async def test_a_client_that_is_cut_off_again_and_again_loses_and_doubles_nothing(
    emulator: Emulator, admin: Admin, hub: str
) -> None:
    wanted = [str(number) for number in range(30)]
    async with member(emulator, hub) as (_, heard):
        for start in (0, 10, 20):
            await publish(emulator, hub, *wanted[start : start + 5])
            await admin.do("/cut", hub=hub)
            await publish(emulator, hub, *wanted[start + 5 : start + 10])
            await heard.until(lambda end=start + 10: len(heard.data) >= end, "ten more messages")  # type: ignore[misc]  # a default binds the end
        assert heard.data == wanted
        assert len(heard.connections) == 1


async def test_a_service_that_restarts_and_keeps_its_clients_is_survived_too(
    emulator: Emulator, admin: Admin, hub: str
) -> None:
    async with member(emulator, hub) as (_, heard), admin.fault("refuse", hub, count=2) as fault:
        await admin.do("/close", hub=hub, code=1012, keep=True)
        await publish(emulator, hub, "while away")
        await heard.until(lambda: heard.data == ["while away"], "the message of that time")
        assert (await admin.listed(fault))["struck"] == 2
        assert len(heard.connections) == 1


async def test_a_lost_ack_makes_the_client_repeat_under_a_new_id_so_the_message_is_sent_twice(
    emulator: Emulator, admin: Admin, hub: str
) -> None:
    """Client 1.1.0 makes an id for each attempt, and forgets one that it was given."""
    options: dict[str, Any] = {"ack_timeout": 0.3, "message_retry_backoff_factor": 0.1}
    async with member(emulator, hub, **options) as (client, heard):
        async with admin.fault("drop", hub, frames=["ack"], count=1):
            await client.send_to_group("g", "once", WebPubSubDataType.TEXT, ack_id=77)
        await client.send_to_group("g", "end", WebPubSubDataType.TEXT)
        await heard.until(lambda: "end" in heard.data, "the last message")
        assert heard.data == ["once", "once", "end"]


async def test_a_duplicate_reaches_the_program_once(
    emulator: Emulator, admin: Admin, hub: str
) -> None:
    async with member(emulator, hub) as (_, heard), admin.fault("duplicate", hub, copies=3):
        await publish(emulator, hub, "a", "b", "c")
        await heard.until(lambda: "c" in heard.data, "the last message")
        assert heard.data == ["a", "b", "c"]


async def test_a_swapped_frame_is_taken_for_a_duplicate_and_lost(
    emulator: Emulator, admin: Admin, hub: str
) -> None:
    """TCP never reorders, so the client takes whatever has a lower number for something it has."""
    async with member(emulator, hub) as (_, heard), admin.fault("reorder", hub):
        await publish(emulator, hub, "a", "b", "c", "d")
        await heard.until(lambda: "d" in heard.data, "the last message")
        assert heard.data == ["b", "d"]


async def test_a_client_whose_buffer_was_forgotten_begins_anew_in_its_groups(
    emulator: Emulator, admin: Admin, hub: str
) -> None:
    async with member(emulator, hub) as (_, heard):
        await admin.do("/forget", hub=hub)
        await admin.do("/cut", hub=hub)
        await heard.until(lambda: len(heard.connections) == 2, "another connection")

        async def in_group() -> bool:
            return bool((await admin.status_of(hub))["groups"])

        await until_async(in_group, "the client has joined again")
        await publish(emulator, hub, "after")
        await heard.until(lambda: heard.data == ["after"], "the message after that")
        assert len(set(heard.connections)) == 2


@pytest.mark.parametrize("code", [1000, 4000])
async def test_a_close_for_good_makes_the_client_connect_anew(
    emulator: Emulator, admin: Admin, hub: str, code: int
) -> None:
    async with member(emulator, hub) as (_, heard):
        await admin.do("/close", hub=hub, code=code)
        await heard.until(lambda: len(heard.connections) == 2, "another connection")

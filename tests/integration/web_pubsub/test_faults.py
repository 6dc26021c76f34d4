"""Faults for frames and connections, as clients meet them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.harness.waiting import until_async
from tests.integration.web_pubsub.admin import Admin
from tests.integration.web_pubsub.conftest import Handled
from tests.integration.web_pubsub.harness import RELIABLE, Clients, Emulator, Socket


@pytest_asyncio.fixture
async def admin(emulator: Emulator, clients: Clients) -> AsyncIterator[Admin]:
    """The admin API of the session's emulator."""
    yield Admin(emulator, clients.session)


async def member(clients: Clients, protocol: str = RELIABLE, **token: Any) -> tuple[Socket, Any]:
    return await clients.connect(protocol, groups=["g"], **token)


async def say(emulator: Emulator, hub: str, *texts: str) -> None:
    def send() -> None:
        with emulator.service(hub) as service:
            for text in texts:
                service.send_to_group("g", text, content_type="text/plain")

    await asyncio.to_thread(send)


async def heard(socket: Socket, count: int) -> list[tuple[int | None, str]]:
    frames = [await socket.receive() for _ in range(count)]
    return [(frame.get("sequenceId"), frame["data"]) for frame in frames]


async def test_a_dropped_frame_is_lost_to_a_plain_client(
    emulator: Emulator, clients: Clients, admin: Admin, hub: str
) -> None:
    socket, _ = await member(clients, "json.webpubsub.azure.v1")
    async with admin.fault("drop", hub, count=2):
        await say(emulator, hub, "a", "b", "c")
        assert await heard(socket, 1) == [(None, "c")]


async def test_a_dropped_frame_stays_in_a_reliable_buffer_and_recovery_brings_it(
    emulator: Emulator, clients: Clients, admin: Admin, hub: str
) -> None:
    socket, connected = await member(clients)
    async with admin.fault("drop", hub, count=1):
        await say(emulator, hub, "a", "b")
        assert await heard(socket, 1) == [(2, "b")]
    socket.drop()
    recovered = await clients.recover(connected)
    await recovered.receive()
    assert await heard(recovered, 2) == [(1, "a"), (2, "b")]


async def test_a_duplicate_has_the_same_sequence_id(
    emulator: Emulator, clients: Clients, admin: Admin, hub: str
) -> None:
    socket, _ = await member(clients)
    async with admin.fault("duplicate", hub, copies=3, count=1):
        await say(emulator, hub, "a", "b")
        assert await heard(socket, 4) == [(1, "a"), (1, "a"), (1, "a"), (2, "b")]


async def test_reordering_swaps_frames_on_the_wire_only(
    emulator: Emulator, clients: Clients, admin: Admin, hub: str
) -> None:
    socket, connected = await member(clients)
    async with admin.fault("reorder", hub):
        await say(emulator, hub, "a", "b", "c", "d")
        assert [data for _, data in await heard(socket, 4)] == ["b", "a", "d", "c"]
    socket.drop()
    recovered = await clients.recover(connected)
    await recovered.receive()
    assert [number for number, _ in await heard(recovered, 4)] == [1, 2, 3, 4]


async def test_a_delay_keeps_the_order_and_others_untouched(
    emulator: Emulator, clients: Clients, admin: Admin, hub: str
) -> None:
    late, _ = await member(clients, user_id="late")
    prompt, _ = await member(clients, user_id="prompt")
    async with admin.fault("delay", hub, user="late", delay="10m", count=1):
        await say(emulator, hub, "a", "b")
        assert [data for _, data in await heard(prompt, 2)] == ["a", "b"]
        await late.send(type="ping")
        with pytest.raises(TimeoutError):
            await late.raw.receive(0.1)
        await admin.do("/close", hub=hub, user="late")
        _, frames = await late.closing()
    kinds = [frame["type"] for frame in frames]
    assert kinds == ["message", "message", "pong", "system"]


async def test_a_lost_ack_makes_the_repeat_a_duplicate(
    clients: Clients, admin: Admin, hub: str
) -> None:
    socket, _ = await clients.connect()
    request = {"type": "joinGroup", "group": "g", "ackId": 1}
    async with admin.fault("drop", hub, frames=["ack"], count=1) as fault:
        await socket.send(**request)
        await admin.until_struck(fault, 1)
        answer = await socket.ask(**request)
    assert answer["error"]["name"] == "Duplicate"


async def test_a_lost_request_is_done_when_it_is_repeated(
    clients: Clients, admin: Admin, hub: str
) -> None:
    socket, _ = await clients.connect()
    request = {"type": "joinGroup", "group": "g", "ackId": 1}
    async with admin.fault("drop", hub, frames=["joinGroup"], count=1) as fault:
        await socket.send(**request)
        await admin.until_struck(fault, 1)
        assert (await admin.status_of(hub))["groups"] == []
        answer = await socket.ask(**request)
    assert answer["success"]


async def test_requests_can_be_doubled_and_swapped_too(handled: Handled, admin: Admin) -> None:
    socket, _ = await handled.clients.connect()
    event = {"type": "event", "event": "go", "dataType": "text"}
    async with admin.fault("reorder", handled.name, frames=["event"], count=1):
        await socket.send(**event, data="a", ackId=1)
        await socket.send(**event, data="b", ackId=2)
        assert [(await socket.receive())["ackId"] for _ in range(2)] == [2, 1]
    async with admin.fault("duplicate", handled.name, frames=["event"], count=1):
        answers = [await socket.ask(**event, data="c", ackId=3), await socket.receive()]
    assert [answer["success"] for answer in answers] == [True, False]
    assert [each.body for each in handled.handler.named("go")] == [b"b", b"a", b"c"]


async def test_a_fault_for_a_group_strikes_its_members_only(
    emulator: Emulator, clients: Clients, admin: Admin, hub: str
) -> None:
    socket, _ = await member(clients)
    outside, connected = await clients.connect(RELIABLE)
    async with admin.fault("drop", hub, group="g") as fault:
        with emulator.service(hub) as service:
            service.send_to_all("x", content_type="text/plain")
            service.send_to_connection(connected["connectionId"], "y", content_type="text/plain")
        assert [data for _, data in await heard(outside, 2)] == ["x", "y"]
        assert (await admin.listed(fault))["struck"] == 1
    assert await socket.nothing_waits()


@pytest.mark.parametrize("by", ["hub", "group", "user", "connection"])
async def test_connections_are_closed_with_a_chosen_code(
    clients: Clients, admin: Admin, hub: str, by: str
) -> None:
    socket, connected = await member(clients, user_id="ann")
    other, _ = await clients.connect(user_id="bob")
    names = {"group": "g", "user": "ann", "connection": connected["connectionId"]}
    target = {by: names[by]} if by in names else {}
    answer = await admin.do("/close", hub=hub, code=4001, reason="test", **target)
    code, frames = await socket.closing()
    assert (code, frames[-1]["message"]) == (
        4001,
        "Application server closed the connection. test",
    )
    assert answer == {"closed": 1 if target else 2}
    if target:
        assert await other.nothing_waits()
    refused = await clients.recover(connected)
    assert (await refused.closing())[0] == 1008


async def test_a_kept_connection_can_be_recovered_whatever_the_code(
    emulator: Emulator, clients: Clients, admin: Admin, hub: str
) -> None:
    socket, connected = await member(clients)
    await admin.do("/close", hub=hub, code=1000, keep=True)
    assert await socket.closing() == (1000, [])
    await say(emulator, hub, "a")
    recovered = await clients.recover(connected)
    await recovered.receive()
    assert await heard(recovered, 1) == [(1, "a")]


async def test_a_cut_has_no_close_frame_and_can_be_recovered(
    clients: Clients, admin: Admin, hub: str
) -> None:
    socket, connected = await member(clients)
    assert await admin.do("/cut", hub=hub) == {"cut": 1}
    assert (await socket.closing())[0] == 1006
    recovered = await clients.recover(connected)
    assert (await recovered.receive())["connectionId"] == connected["connectionId"]


@pytest.mark.parametrize("detached", [True, False])
async def test_what_was_forgotten_cannot_be_recovered(
    emulator: Emulator,
    clients: Clients,
    admin: Admin,
    hub: str,
    detached: bool,  # noqa: FBT001 - a column of the table
) -> None:
    socket, connected = await member(clients)
    if detached:
        socket.drop()
        await until_async(_detached(admin, hub), "the drop is noticed")
    assert await admin.do("/forget", hub=hub) == {"forgotten": 1}
    if not detached:
        await say(emulator, hub, "still attached")
        assert await heard(socket, 1) == [(1, "still attached")]
        socket.drop()
    refused = await clients.recover(connected)
    assert (await refused.closing())[0] == 1008
    await until_async(_gone(admin, hub), "the connection is removed")


def _detached(admin: Admin, hub: str) -> Any:
    async def detached() -> bool:
        states = (await admin.status_of(hub))["connections"]
        return [each["state"] for each in states] == ["detached"]

    return detached


def _gone(admin: Admin, hub: str) -> Any:
    async def gone() -> bool:
        return bool((await admin.status_of(hub))["connectionCount"] == 0)

    return gone


async def test_clients_are_refused_before_the_upgrade(
    clients: Clients, admin: Admin, hub: str
) -> None:
    async with admin.fault("refuse", hub, user="ann", status=503, count=2):
        assert await clients.refusal(clients.url(user_id="ann")) == 503
        await clients.connect(user_id="bob")
        assert await clients.refusal(clients.url(user_id="ann")) == 503
        await clients.connect(user_id="ann")


async def test_a_bad_token_is_refused_as_ever_and_does_not_count(
    clients: Clients, admin: Admin, hub: str
) -> None:
    async with admin.fault("refuse", hub, count=1) as fault:
        assert await clients.refusal(clients.url() + "x") == 401
        assert (await admin.listed(fault))["struck"] == 0


async def test_a_recovery_can_be_refused_for_a_while(
    clients: Clients, admin: Admin, hub: str
) -> None:
    socket, connected = await member(clients)
    socket.drop()
    async with admin.fault("refuse", hub, connection=connected["connectionId"], status=500):
        url = (
            f"{clients.url()}&awps_connection_id={connected['connectionId']}"
            f"&awps_reconnection_token={connected['reconnectionToken']}"
        )
        assert await clients.refusal(url, protocols=(RELIABLE,)) == 500
    recovered = await clients.recover(connected)
    assert (await recovered.receive())["connectionId"] == connected["connectionId"]

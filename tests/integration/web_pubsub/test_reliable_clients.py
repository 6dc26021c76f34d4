"""Reliable connections: what survives a drop, and what ends one for good."""

import asyncio
import time
from typing import Any

from aiohttp import web

from tests.harness.waiting import until_async
from tests.integration.web_pubsub.conftest import Handled
from tests.integration.web_pubsub.harness import RELIABLE, Clients, Emulator, Event, Socket


async def sequence_ids(socket: Socket, count: int) -> list[int]:
    return [(await socket.receive())["sequenceId"] for _ in range(count)]


async def gone(emulator: Emulator, hub: str, connected: Any) -> None:
    """Wait until the logical connection is no more."""

    async def absent() -> bool:
        with emulator.service(hub) as service:
            return not service.connection_exists(connected["connectionId"])

    await until_async(absent, "the connection is removed")


async def dropped(clients: Clients, **token: Any) -> Any:
    """A reliable client that has lost its connection; its connected frame."""
    socket, connected = await clients.connect(RELIABLE, **token)
    socket.drop()
    return connected


async def test_recovery_replays_unacknowledged_messages_and_preserves_groups(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    socket, connected = await clients.connect(RELIABLE, user_id="ann", groups=["g"])
    with emulator.service(hub) as service:
        for number in range(3):
            service.send_to_group("g", {"n": number})
        assert await sequence_ids(socket, 3) == [1, 2, 3]
        await socket.send(type="sequenceAck", sequenceId=2)
        assert await socket.nothing_waits()
        socket.drop()
        service.send_to_group("g", {"n": 3})
        service.send_to_user("ann", {"n": 4})
        service.send_to_all({"n": 5}, filter="'g' in groups")
        service.send_to_connection(connected["connectionId"], {"n": 6})
        again = await clients.recover(connected)
        greeting = await again.receive()
        assert greeting["connectionId"] == connected["connectionId"]
        assert await sequence_ids(again, 5) == [3, 4, 5, 6, 7]
        service.send_to_group("g", {"n": 7})
        assert (await again.receive())["sequenceId"] == 8


async def test_membership_changes_while_detached_count_after_recovery(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    connected = await dropped(clients, groups=["old"])
    with emulator.service(hub) as service:
        service.add_connection_to_group("new", connected["connectionId"])
        service.remove_connection_from_group("old", connected["connectionId"])
        service.send_to_group("old", {"n": 1})
        service.send_to_group("new", {"n": 2})
    socket = await clients.recover(connected)
    await socket.receive()
    assert (await socket.receive())["group"] == "new"


async def test_acks_are_remembered_across_recovery_and_are_not_sequenced(
    clients: Clients,
) -> None:
    socket, connected = await clients.connect(RELIABLE)
    assert "sequenceId" not in await socket.ask(type="joinGroup", group="g", ackId=1)
    socket.drop()
    again = await clients.recover(connected)
    await again.receive()
    assert (await again.ask(type="joinGroup", group="g", ackId=1))["error"]["name"] == "Duplicate"


async def test_recovery_keeps_the_hub_in_any_case_and_the_original_subprotocol(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    connected = await dropped(clients)
    query = (
        f"awps_connection_id={connected['connectionId']}&access_token=expired"
        f"&awps_reconnection_token={connected['reconnectionToken']}"
    )
    url = f"{emulator.url}/client/hubs/{hub.upper()}?{query}"
    socket = await clients.open_url(url, ("json.webpubsub.azure.v1", RELIABLE))
    assert socket.raw.protocol == RELIABLE


async def test_a_recovery_that_fails_is_upgraded_and_closed_with_1008(clients: Clients) -> None:
    connected, other = await dropped(clients), await dropped(clients)
    for token in ("garbage", other["reconnectionToken"], " "):
        assert (await (await clients.recover(connected, token=token)).closing())[0] == 1008
    connected["connectionId"] = "unknown"
    assert (await (await clients.recover(connected)).closing())[0] == 1008


async def test_a_token_without_a_connection_id_starts_a_new_connection(clients: Clients) -> None:
    connected = await dropped(clients)
    query = f"awps_reconnection_token={connected['reconnectionToken']}"
    _, fresh = await clients.connect(RELIABLE, query=query)
    assert fresh["connectionId"] != connected["connectionId"]


async def test_a_normal_close_removes_the_connection(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    socket, connected = await clients.connect(RELIABLE)
    await socket.raw.close(code=1000)
    await gone(emulator, hub, connected)
    assert (await (await clients.recover(connected)).closing())[0] == 1008


async def test_a_close_that_is_not_normal_can_be_recovered(clients: Clients) -> None:
    socket, connected = await clients.connect(RELIABLE)
    await socket.raw.close(code=1001)
    assert (await (await clients.recover(connected)).receive())["event"] == "connected"


async def test_a_client_may_be_back_before_its_drop_was_noticed(clients: Clients) -> None:
    old, connected = await clients.connect(RELIABLE, groups=["g"])
    new = await clients.recover(connected)
    await new.receive()
    await old.closing()
    await new.send(type="sendToGroup", group="g", data=1)
    assert await sequence_ids(new, 1) == [1]


async def test_closing_a_detached_connection_prevents_recovery(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    connected = await dropped(clients)
    with emulator.service(hub) as service:
        service.close_connection(connected["connectionId"])
        assert not service.connection_exists(connected["connectionId"])
    assert (await (await clients.recover(connected)).closing())[0] == 1008


async def test_more_than_a_thousand_unacknowledged_messages_end_the_connection(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    reader, connected = await clients.connect(RELIABLE, groups=["g"])
    sender, _ = await clients.connect()
    for number in range(1001):
        await sender.send(type="sendToGroup", group="g", data=number)
    await gone(emulator, hub, connected)
    reader.drop()


async def test_a_reply_that_comes_while_the_client_is_away_is_replayed(handled: Handled) -> None:
    asked, release = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def answer(event: Event) -> web.Response:
        if event.name != "go":
            return web.Response()
        loop.call_soon_threadsafe(asked.set)
        while not release.is_set():  # noqa: ASYNC110 - the event belongs to another loop
            await asyncio.sleep(0.01)
        return web.Response(text="late")

    handled.handler.answer = answer
    socket, connected = await handled.clients.connect(RELIABLE)
    await socket.send(type="event", event="go", data=1, ackId=1)
    await asked.wait()
    socket.drop()
    again = await handled.clients.recover(connected)
    assert (await again.receive())["event"] == "connected"
    release.set()
    assert (await again.receive())["data"] == "late"
    assert (await again.receive()) == {"type": "ack", "ackId": 1, "success": True}
    assert len(handled.handler.named("connect")) == 1
    assert handled.handler.named("disconnected") == []


async def test_a_message_whose_time_is_over_before_the_client_is_back_is_not_replayed(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    connected = await dropped(clients, user_id="ann", groups=["g"])
    publisher, _ = await clients.connect()
    with emulator.service(hub) as service:
        service.send_to_user("ann", {"n": 1}, params={"messageTtlSeconds": 1})
        service.send_to_user("ann", {"n": 2}, params={"messageTtlSeconds": 300})
        service.send_to_user("ann", {"n": 3})
    for number, ttl_seconds in ((4, 1), (5, 300), (6, 0)):
        frame = {"group": "g", "data": {"n": number}, "ttlSeconds": ttl_seconds}
        await publisher.ask(type="sendToGroup", **frame, ackId=number)
    await passed(1.0)
    again = await clients.recover(connected)
    await again.receive()
    replayed = [await again.receive() for _ in range(4)]
    assert [frame["data"]["n"] for frame in replayed] == [2, 3, 5, 6]
    assert [frame["sequenceId"] for frame in replayed] == [2, 3, 5, 6]
    assert await again.nothing_waits()


async def passed(seconds: float) -> None:
    """Wait until so much time has passed; only what is itself about time may need this."""
    end = time.monotonic() + seconds

    async def over() -> bool:
        return time.monotonic() > end

    await until_async(over, "time passes")

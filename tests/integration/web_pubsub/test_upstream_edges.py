"""Events for handlers at the edges: repeats, drops, recoveries, unusable answers, odd names."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.harness.waiting import until_async
from tests.integration.web_pubsub.conftest import Handled
from tests.integration.web_pubsub.harness import (
    RELIABLE,
    Clients,
    Emulator,
    Event,
    Handler,
    HubEvents,
)


async def told(handler: HubEvents, name: str, count: int = 1) -> list[Event]:
    async def enough() -> list[Event]:
        events = handler.named(name)
        return events if len(events) >= count else []

    return await until_async(enough, f"{count} times {name}")


def answers_to(name: str, *responses: web.Response) -> Any:
    """An answer to each event of a name in turn; the others are answered with nothing."""
    waiting = iter(responses)
    return lambda event: next(waiting) if event.name == name else web.Response(status=204)


async def test_a_connect_that_is_repeated_is_the_same_event(handled: Handled) -> None:
    answers = answers_to("connect", web.Response(status=500), web.Response(status=204))
    handled.handler.answer = answers
    await handled.clients.connect()
    first, second = handled.handler.named("connect")
    assert first == second
    assert first.headers["ce-id"] == "0"


async def test_a_drop_and_a_recovery_are_told_to_nobody_and_the_end_once(handled: Handled) -> None:
    socket, connected = await handled.clients.connect(RELIABLE)
    for _ in range(2):
        socket.drop()
        socket = await handled.clients.recover(connected)
        await socket.receive()
    assert handled.handler.named("disconnected") == []
    await socket.raw.close(code=1000)
    await told(handled.handler, "disconnected")
    names = ["connect", "connected", "disconnected"]
    assert [event.name for event in handled.handler.events if event.name] == names


async def test_connected_is_still_told_when_the_client_has_gone_already(handled: Handled) -> None:
    asked, release = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def hang(_: Event) -> web.Response:
        loop.call_soon_threadsafe(asked.set)
        while not release.is_set():  # noqa: ASYNC110 - the event belongs to another loop
            await asyncio.sleep(0.01)
        return web.Response()

    handled.handler.answer = lambda event: (
        hang(event) if event.name == "connected" else web.Response()
    )
    socket, _ = await handled.clients.connect()
    await asyncio.wait_for(asked.wait(), 10)
    socket.drop()
    release.set()
    await told(handled.handler, "disconnected")
    assert len(handled.handler.named("connected")) == 1


async def test_user_events_are_routed_apart_from_system_events_of_the_same_name(
    handled: Handled,
) -> None:
    socket, _ = await handled.clients.connect()
    assert (await socket.ask(type="event", event="connected", data=1, ackId=1))["success"]
    types = {event.headers["ce-type"] for event in await told(handled.handler, "connected", 2)}
    assert types == {"azure.webpubsub.sys.connected", "azure.webpubsub.user.connected"}


@pytest.mark.parametrize("name", ["a", "A.b_c-1", "x" * 128])
async def test_valid_event_names_reach_the_handler(handled: Handled, name: str) -> None:
    socket, _ = await handled.clients.connect()
    assert (await socket.ask(type="event", event=name, data=1, ackId=1))["success"]
    [event] = handled.handler.named(name)
    assert event.path == f"/{handled.name}/{name}"


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(body=b"x" * (16 * 2**20 + 1)),
        web.Response(body=b"{", content_type="application/json"),
        web.Response(text="x", headers={"X-WebPubSub-Metadata-k": "v" * 1025}),
    ],
)
async def test_a_reply_that_is_too_large_or_not_what_it_says_changes_nothing(
    handled: Handled, answer: web.Response
) -> None:
    answer.headers["ce-connectionState"] = "lost"
    handled.handler.answer = answers_to("go", answer, web.Response(status=204))
    socket, _ = await handled.clients.connect()
    failed = await socket.ask(type="event", event="go", data=1, ackId=1)
    assert failed["error"]["name"] == "InternalServerError"
    assert (await socket.ask(type="event", event="go", data=1, ackId=1))["success"]
    assert "ce-connectionstate" not in handled.handler.named("go")[1].headers


async def test_metadata_alone_in_a_reply_is_an_empty_text(handled: Handled) -> None:
    metadata = {"X-WebPubSub-Metadata-K": "v"}
    handled.handler.answer = answers_to("go", web.Response(headers=metadata))
    socket, _ = await handled.clients.connect()
    reply = await socket.ask(type="event", event="go", data=1, ackId=1)
    assert (reply["dataType"], reply["data"], reply["metadata"]) == ("text", "", {"k": "v"})


async def test_a_client_that_does_not_wait_for_the_connect_handler_is_no_error(
    handler: Handler, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{handler.port}/impatient/{{event}}"
    rule = {"UrlTemplate": url, "SystemEvents": ["connect", "connected"]}
    settings = {"WebPubSub": {"Hubs": {"impatient": {"EventHandlers": [rule]}}}}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    asked, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    async def hang(_: Event) -> web.Response:
        loop.call_soon_threadsafe(asked.set)
        while not release.is_set():  # noqa: ASYNC110 - the event belongs to another loop
            await asyncio.sleep(0.01)
        return web.Response()

    told_of = handler.hub("impatient")
    told_of.answer = lambda event: hang(event) if event.name == "connect" else web.Response()
    emulator = Emulator("--settings", str(tmp_path / "settings.json"))
    async with Clients(emulator, "impatient") as clients:
        opening = asyncio.create_task(clients.open())
        await asyncio.wait_for(asked.wait(), 10)
        opening.cancel()
        await asyncio.wait([opening])
        release.set()
        await clients.connect()
        await told(told_of, "connected")
    code, errors = emulator.stop()
    assert code == 0
    assert "Traceback" not in errors
    assert len(told_of.named("connected")) == 1


async def test_a_recovery_that_is_dropped_can_be_repeated(handled: Handled) -> None:
    socket, connected = await handled.clients.connect(RELIABLE, groups=["g"])
    socket.drop()
    for _ in range(3):
        (await handled.clients.recover(connected)).drop()
    again = await handled.clients.recover(connected)
    assert (await again.receive())["connectionId"] == connected["connectionId"]
    assert await again.nothing_waits()
    assert handled.handler.named("disconnected") == []

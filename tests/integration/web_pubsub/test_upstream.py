"""Events for handlers: what they carry, and what the handler's answers do."""

import asyncio
import hashlib
import hmac
import time
from typing import Any

import pytest
from aiohttp import web

from tests.harness.waiting import until_async
from tests.integration.web_pubsub.conftest import Handled
from tests.integration.web_pubsub.harness import (
    JSON,
    KEY,
    RELIABLE,
    Clients,
    Emulator,
    Event,
    Handler,
    HubEvents,
)


def on(name: str, response: web.Response) -> Any:
    """An answer to one event; the others are answered with nothing."""
    return lambda event: response if event.name == name else web.Response(status=204)


async def heard(handler: HubEvents, name: str) -> Event:
    async def first() -> Event | None:
        return next(iter(handler.named(name)), None)

    event = await until_async(first, f"the event {name}")
    assert event is not None
    return event


async def test_connect_tells_all_but_the_credentials(handled: Handled) -> None:
    query = "a=1&a=2&code=x"
    _, connected = await handled.clients.connect(user_id="ann", query=query, roles=["r"])
    body = (await heard(handled.handler, "connect")).json()
    assert body["claims"]["sub"] == ["ann"]
    assert body["claims"]["role"] == ["r"]
    assert body["query"] == {"a": ["1", "2"], "code": ["x"]}
    assert body["subprotocols"] == [JSON]
    assert body["clientCertificates"] == []
    names = {name.lower() for name in body["headers"]}
    assert "host" in names
    assert "authorization" not in names
    assert connected["userId"] == "ann"


async def test_a_bearer_header_is_not_passed_on(
    emulator: Emulator, handled: Handled, clients: Clients
) -> None:
    _, token = emulator.client_url(handled.name).split("access_token=")
    url = f"{emulator.url}/client/hubs/{handled.name}"
    headers = {"Authorization": f"Bearer {token}", "X-Own": "1"}
    async with clients.session.ws_connect(url, headers=headers):
        pass
    body = (await heard(handled.handler, "connect")).json()
    assert body["headers"]["X-Own"] == ["1"]
    assert token not in str(body)


async def test_lifecycle_events_are_cloudevents_and_are_told_once(handled: Handled) -> None:
    socket, connected = await handled.clients.connect(user_id="ann")
    await heard(handled.handler, "connected")
    await socket.raw.close(code=1000, message=b"bye")
    await heard(handled.handler, "disconnected")
    posts = [event for event in handled.handler.events if event.method == "POST"]
    assert [event.name for event in posts] == ["connect", "connected", "disconnected"]
    connection_id = connected["connectionId"]
    digest = hmac.new(KEY.encode(), connection_id.encode(), hashlib.sha256).hexdigest()
    for number, event in enumerate(posts):
        expected = {
            "ce-specversion": "1.0",
            "ce-awpsversion": "1.0",
            "ce-type": f"azure.webpubsub.sys.{event.name}",
            "ce-source": f"/hubs/{handled.name}/client/{connection_id}",
            "ce-id": str(number),
            "ce-connectionid": connection_id,
            "ce-hub": handled.name,
            "ce-userid": "ann",
            "ce-signature": f"sha256={digest}",
            "webhook-request-origin": "localhost",
        }
        assert {name: event.headers[name] for name in expected} == expected
        assert time.strptime(event.headers["ce-time"], "%Y-%m-%dT%H:%M:%SZ")
        assert event.path == f"/{handled.name}/{event.name}"
        assert ("ce-subprotocol" in event.headers) == (event.name != "connect")
    assert posts[1].json() == {}
    assert posts[2].json() == {"reason": "bye"}


async def test_the_handler_is_validated_before_the_first_post_and_then_trusted(
    handled: Handled,
) -> None:
    await handled.clients.connect()
    await handled.clients.connect()
    (validation,) = handled.handler.validations
    assert validation.method == "OPTIONS"
    assert validation.path == f"/{handled.name}/validate"
    assert validation.headers["webhook-request-origin"] == "localhost"
    assert "ce-signature" not in validation.headers


async def test_a_failed_validation_does_not_send_connect(handled: Handled) -> None:
    handled.handler.validation = lambda _: web.Response(status=400)
    assert await handled.clients.refusal(handled.clients.url()) == 500
    assert handled.handler.named("connect") == []


async def test_connect_replies_override_user_groups_and_roles(
    emulator: Emulator, handled: Handled
) -> None:
    answer = {"userId": "bob", "groups": ["given"], "roles": [], "subprotocol": RELIABLE}
    handled.handler.answer = on("connect", web.json_response(answer))
    socket = await handled.clients.open((JSON, RELIABLE), user_id="ann", groups=["of token"])
    connected = await socket.receive()
    assert socket.raw.protocol == RELIABLE
    assert connected["userId"] == "bob"
    with emulator.service(handled.name) as service:
        assert service.group_exists("given")
        assert not service.group_exists("of token")
        assert service.user_exists("bob")
        assert not service.user_exists("ann")
    assert (await socket.ask(type="joinGroup", group="g", ackId=1))["error"]["name"] == "Forbidden"
    assert (await heard(handled.handler, "connected")).headers["ce-userid"] == "bob"


async def test_an_empty_groups_list_keeps_those_of_the_token(
    emulator: Emulator, handled: Handled
) -> None:
    handled.handler.answer = on("connect", web.json_response({"groups": []}))
    await handled.clients.connect(groups=["g"])
    with emulator.service(handled.name) as service:
        assert service.group_exists("g")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (web.Response(status=401), 401),
        (web.Response(status=403, text="no"), 403),
        (web.Response(status=302, headers={"Location": "/"}), 500),
        (web.Response(text="{"), 500),
        (web.Response(text='{"subprotocol":"never offered"}'), 500),
        (web.Response(body=b" " * (16 * 2**20 + 1)), 500),
    ],
)
async def test_a_failed_connect_is_refused_before_the_upgrade_and_never_notifies(
    emulator: Emulator, handled: Handled, answer: web.Response, status: int
) -> None:
    handled.handler.answer = on("connect", answer)
    assert await handled.clients.refusal(handled.clients.url(user_id="ann")) == status
    assert handled.handler.named("connected") == handled.handler.named("disconnected") == []
    with emulator.service(handled.name) as service:
        assert not service.user_exists("ann")


async def test_a_connection_is_invisible_until_it_is_activated(
    emulator: Emulator, handled: Handled
) -> None:
    seen: list[bool] = []

    async def look(event: Event) -> web.Response:
        def exists() -> bool:
            with emulator.service(handled.name) as service:
                found: bool = service.connection_exists(event.headers["ce-connectionid"])
            return found

        seen.append(await asyncio.to_thread(exists))
        return web.Response(status=204)

    handled.handler.answer = lambda event: (
        look(event) if event.name == "connect" else web.Response()
    )
    _, connected = await handled.clients.connect()
    assert seen == [False]
    with emulator.service(handled.name) as service:
        assert service.connection_exists(connected["connectionId"])


async def test_a_slow_connected_handler_does_not_block_the_client(handled: Handled) -> None:
    release = asyncio.Event()

    async def wait(_: Event) -> web.Response:
        while not release.is_set():  # noqa: ASYNC110 - the event belongs to another loop
            await asyncio.sleep(0.01)
        return web.Response()

    handled.handler.answer = lambda event: (
        wait(event) if event.name == "connected" else web.Response()
    )
    socket, _ = await handled.clients.connect()
    assert (await socket.ask(type="joinGroup", group="g", ackId=1))["success"]
    release.set()


@pytest.mark.parametrize(
    ("data_type", "data", "content_type", "body"),
    [
        ("text", "ü", "text/plain; charset=utf-8", "ü".encode()),
        ("json", {"n": 1}, "application/json; charset=utf-8", b'{"n":1}'),
        ("binary", "AP8=", "application/octet-stream", b"\x00\xff"),
        ("protobuf", "AP8=", "application/x-protobuf", b"\x00\xff"),
    ],
)
async def test_a_user_event_carries_typed_bytes_and_metadata(
    handled: Handled, data_type: str, data: Any, content_type: str, body: bytes
) -> None:
    socket, _ = await handled.clients.connect()
    metadata = {"Key": "v"}
    await socket.ask(
        type="event", event="Go", dataType=data_type, data=data, metadata=metadata, ackId=1
    )
    event = await heard(handled.handler, "Go")
    assert event.body == body
    assert event.headers["content-type"] == content_type
    assert event.headers["ce-type"] == "azure.webpubsub.user.Go"
    assert event.headers["x-webpubsub-metadata-key"] == "v"
    assert event.headers["ce-subprotocol"] == JSON


async def test_the_response_with_its_metadata_precedes_the_success_ack(handled: Handled) -> None:
    response = web.Response(
        text='{"re":1}',
        content_type="application/json",
        headers={"X-WebPubSub-Metadata-Key": "v"},
    )
    handled.handler.answer = on("go", response)
    socket, _ = await handled.clients.connect()
    reply = await socket.ask(type="event", event="go", data=1, ackId=1)
    assert reply == {
        "type": "message",
        "from": "server",
        "dataType": "json",
        "metadata": {"key": "v"},
        "data": {"re": 1},
    }
    assert await socket.receive() == {"type": "ack", "ackId": 1, "success": True}


async def test_an_event_failure_is_an_error_ack_that_is_not_remembered(handled: Handled) -> None:
    answers = iter([web.Response(status=401, text="secret"), web.Response(status=204)])
    handled.handler.answer = lambda event: (
        next(answers) if event.name == "go" else web.Response(status=204)
    )
    socket, _ = await handled.clients.connect()
    failed = await socket.ask(type="event", event="go", data=1, ackId=1)
    assert failed["error"] == {"name": "InternalServerError", "message": "Internal server error"}
    assert (await socket.ask(type="event", event="go", data=1, ackId=1))["success"]
    again = await socket.ask(type="event", event="go", data=1, ackId=1)
    assert again["error"]["name"] == "Duplicate"
    assert len(handled.handler.named("go")) == 2


async def test_an_unusable_reply_is_a_failure(handled: Handled) -> None:
    handled.handler.answer = on("go", web.Response(body=b"x", content_type="image/png"))
    socket, _ = await handled.clients.connect()
    assert "error" in await socket.ask(type="event", event="go", data=1, ackId=1)


async def test_a_retry_repeats_the_event_exactly(handled: Handled) -> None:
    answers = iter([web.Response(status=503), web.Response(status=204)])
    handled.handler.answer = lambda event: (
        next(answers) if event.name == "go" else web.Response(status=204)
    )
    socket, _ = await handled.clients.connect()
    assert (await socket.ask(type="event", event="go", data=1, ackId=1))["success"]
    first, second = handled.handler.named("go")
    assert first == second


async def test_state_and_cookies_belong_to_the_connection_and_change_on_success_only(
    handled: Handled,
) -> None:
    def answer(event: Event) -> web.Response:
        if event.name == "fail":
            return web.Response(status=400, headers={"ce-connectionState": "lost"})
        response = web.Response(headers={"ce-connectionState": f"after {event.name}"})
        response.set_cookie("session", event.headers["ce-connectionid"])
        return response

    handled.handler.answer = answer
    socket, connected = await handled.clients.connect()
    for number, name in enumerate(("one", "fail", "two")):
        await socket.ask(type="event", event=name, data=1, ackId=number)
    one, fail, two = (handled.handler.named(name)[0] for name in ("one", "fail", "two"))
    assert "ce-connectionstate" not in handled.handler.named("connect")[0].headers
    assert one.headers["ce-connectionstate"] == "after connect"
    assert fail.headers["ce-connectionstate"] == "after one"
    assert two.headers["ce-connectionstate"] == "after one"
    assert one.headers["cookie"] == f"session={connected['connectionId']}"
    await handled.clients.connect()
    assert "cookie" not in handled.handler.named("connect")[1].headers


async def test_the_first_handler_whose_pattern_matches_wins(
    handler: Handler, emulator: Emulator
) -> None:
    async with Clients(emulator, "patterns") as clients:
        socket, _ = await clients.connect()
        for number, name in enumerate(("ONE", "two", "three")):
            assert (await socket.ask(type="event", event=name, data=1, ackId=number))["success"]
    assert [each.name for each in handler.hub("first").events if each.name] == ["ONE", "two"]
    assert [each.name for each in handler.hub("second").events if each.name] == ["three"]


async def test_a_raw_disconnect_cancels_the_pending_handler(handled: Handled) -> None:
    asked, cancelled = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def wait(_: Event) -> web.Response:
        loop.call_soon_threadsafe(asked.set)
        try:
            await asyncio.sleep(60)
        finally:
            loop.call_soon_threadsafe(cancelled.set)
        return web.Response()

    handled.handler.answer = lambda event: (
        wait(event) if event.name == "message" else web.Response()
    )
    raw = await handled.clients.open(())
    await raw.raw.send_str("x")
    await asyncio.wait_for(asked.wait(), 10)
    raw.drop()
    await asyncio.wait_for(cancelled.wait(), 10)
    await heard(handled.handler, "disconnected")


async def test_requests_behind_a_slow_event_wait_but_a_ping_does_not(handled: Handled) -> None:
    release = asyncio.Event()

    async def wait(_: Event) -> web.Response:
        while not release.is_set():  # noqa: ASYNC110 - the event belongs to another loop
            await asyncio.sleep(0.01)
        return web.Response()

    handled.handler.answer = lambda event: wait(event) if event.name == "go" else web.Response()
    socket, _ = await handled.clients.connect()
    await socket.send(type="event", event="go", data=1, ackId=1)
    await socket.send(type="joinGroup", group="g", ackId=2)
    assert await socket.nothing_waits()
    release.set()
    assert [(await socket.receive())["ackId"] for _ in range(2)] == [1, 2]


async def test_a_duplicate_state_header_keeps_the_connection_alive(handled: Handled) -> None:
    response = web.Response()
    response.headers.add("ce-connectionState", "a")
    response.headers.add("ce-connectionState", "b")
    handled.handler.answer = on("go", response)
    socket, _ = await handled.clients.connect()
    assert (await socket.ask(type="event", event="go", data=1, ackId=1))["success"]
    assert await socket.nothing_waits()

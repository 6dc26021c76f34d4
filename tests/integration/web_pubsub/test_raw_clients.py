"""Clients without a Web PubSub subprotocol."""

import io

import aiohttp
from aiohttp import web

from tests.integration.web_pubsub.conftest import Handled
from tests.integration.web_pubsub.harness import LIMIT, Clients, Emulator

SENDING = "webpubsub_mode=sendToGroup&group=g"


async def test_raw_senders_publish_each_frame_to_their_group(clients: Clients) -> None:
    listener, _ = await clients.connect(groups=["g"])
    raw = await clients.open((), query=SENDING, groups=["g"], user_id="raw")
    await raw.raw.send_str("text")
    frame = await listener.receive()
    assert (frame["dataType"], frame["data"], frame["fromUserId"]) == ("text", "text", "raw")
    assert (await raw.raw.receive(LIMIT)).data == "text"


async def test_raw_send_to_group_preserves_binary_frames(clients: Clients) -> None:
    raw = await clients.open((), query=SENDING, groups=["g"])
    await raw.raw.send_bytes(b"\x00\xff")
    echo = await raw.raw.receive(LIMIT)
    assert (echo.type, echo.data) == (aiohttp.WSMsgType.BINARY, b"\x00\xff")


async def test_no_echo_suppresses_delivery_to_oneself(clients: Clients) -> None:
    raw = await clients.open((), query=f"{SENDING}&noEcho=true", groups=["g"])
    other = await clients.open((), query=SENDING, groups=["g"])
    await raw.raw.send_str("mine")
    assert (await other.raw.receive(LIMIT)).data == "mine"
    await other.raw.send_str("theirs")
    assert (await raw.raw.receive(LIMIT)).data == "theirs"


async def test_raw_send_without_role_closes_the_connection(clients: Clients) -> None:
    raw = await clients.open((), query=SENDING, roles=["webpubsub.sendToGroup.other"])
    await raw.raw.send_str("x")
    assert (await raw.closing())[0] == 1008


async def test_a_json_message_from_a_server_arrives_as_bare_text(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    raw = await clients.open(())
    with emulator.service(hub) as service:
        service.send_to_all({"n": 1})
        service.send_to_all(io.BytesIO(b"\x00"), content_type="application/octet-stream")
    assert (await raw.raw.receive(LIMIT)).data == '{"n": 1}'
    assert (await raw.raw.receive(LIMIT)).data == b"\x00"


async def test_raw_events_reuse_the_handler_and_return_unwrapped_frames(handled: Handled) -> None:
    handled.handler.answer = lambda event: (
        web.Response(text="re: " + event.body.decode())
        if event.name == "message"
        else web.Response()
    )
    raw = await handled.clients.open(())
    await raw.raw.send_str("hello")
    assert (await raw.raw.receive(LIMIT)).data == "re: hello"
    event = handled.handler.named("message")[0]
    assert event.headers["content-type"] == "text/plain; charset=utf-8"


async def test_an_empty_reply_only_sends_a_frame_when_there_is_metadata(handled: Handled) -> None:
    def answer(event: object) -> web.Response:  # noqa: ARG001 - the interface of answers
        heard = len(handled.handler.named("message"))
        return web.Response(headers={"X-WebPubSub-Metadata-k": "v"} if heard == 2 else {})

    handled.handler.answer = answer
    raw = await handled.clients.open(())
    await raw.raw.send_bytes(b"1")
    await raw.raw.send_bytes(b"2")
    assert (await raw.raw.receive(LIMIT)).data == ""
    assert len(handled.handler.named("message")) == 2


async def test_a_raw_event_failure_closes_without_exposing_details(handled: Handled) -> None:
    handled.handler.answer = lambda event: (
        web.Response(status=400, text="secret") if event.name == "message" else web.Response()
    )
    raw = await handled.clients.open(())
    await raw.raw.send_str("x")
    message = await raw.raw.receive(LIMIT)
    assert (message.data, message.extra) == (1011, "Internal server error")


async def test_a_raw_event_without_a_handler_closes_with_1011(clients: Clients) -> None:
    raw = await clients.open(())
    await raw.raw.send_str("x")
    assert (await raw.closing())[0] == 1011


async def test_an_offered_name_of_the_apps_own_can_be_chosen_and_leads_to_raw_frames(
    handled: Handled,
) -> None:
    handled.handler.answer = lambda event: (
        web.json_response({"subprotocol": "Mine"})
        if event.name == "connect"
        else web.Response(text="heard")
    )
    raw = await handled.clients.open(("json.webpubsub.azure.v1", "mine"))
    assert raw.raw.protocol == "mine"
    await raw.raw.send_str("{")
    assert (await raw.raw.receive(LIMIT)).data == "heard"
    event = handled.handler.named("message")[0]
    assert event.headers["ce-subprotocol"] == "mine"

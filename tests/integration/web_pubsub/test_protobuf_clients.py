"""Protobuf clients, reliable or not, among themselves and with JSON, raw, REST and handlers.

Frames are written and read by field number (``tests/harness/protobuf_wire.py``).
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from azure.messaging.webpubsubservice import WebPubSubServiceClient

from tests.harness.protobuf_wire import decode, encode, only
from tests.integration.web_pubsub.conftest import Handled
from tests.integration.web_pubsub.harness import JSON, LIMIT, Clients, Emulator, Socket

PROTOBUF = "protobuf.webpubsub.azure.v1"
RELIABLE = "protobuf.reliable.webpubsub.azure.v1"
ANY = encode({1: "type.googleapis.com/google.protobuf.StringValue", 2: {1: "你好"}})
PONG = encode({4: {}})
BINARY: Any = b"\0\xff"  # the SDK's annotations know no bytes


@pytest.fixture
def service(emulator: Emulator, hub: str) -> Iterator[WebPubSubServiceClient]:
    """The service SDK on the test's hub."""
    with emulator.service(hub) as opened:
        yield opened


async def send(socket: Socket, fields: dict[int, Any]) -> None:
    await socket.raw.send_bytes(encode(fields))


async def receive(socket: Socket) -> bytes:
    message = await socket.raw.receive(LIMIT)
    assert message.type is aiohttp.WSMsgType.BINARY, message
    assert isinstance(message.data, bytes)
    return message.data


async def ask(socket: Socket, fields: dict[int, Any]) -> bytes:
    await send(socket, fields)
    return await receive(socket)


async def nothing_waits(socket: Socket) -> bool:
    return await ask(socket, {9: {}}) == PONG


async def data_of(socket: Socket) -> list[tuple[int, int | bytes]]:
    """The fields of the next frame, which must be a message."""
    data = only(await receive(socket), 2)
    assert isinstance(data, bytes)
    return decode(data)


async def connect(
    clients: Clients, protocol: str = PROTOBUF, **token: Any
) -> tuple[Socket, dict[int, int | bytes]]:
    """Open a protobuf client; its connected frame by field number."""
    socket = await clients.open((protocol,), **token)
    connected = only(only(await receive(socket), 3), 1)
    assert isinstance(connected, bytes)
    return socket, dict(decode(connected))


async def recover(clients: Clients, emulator: Emulator, connected: Any, *protocols: str) -> Socket:
    base = f"http://localhost:{emulator.port}/client/hubs/{clients.hub}"
    query = f"awps_connection_id={connected[1].decode()}&awps_reconnection_token="
    return await clients.open_url(f"{base}?{query}{connected[3].decode()}", protocols)


def success(ack_id: int) -> bytes:
    return encode({1: {1: ack_id, 2: 1}})


def error_name(frame: bytes) -> bytes:
    acknowledgement = only(frame, 1)
    assert isinstance(acknowledgement, bytes)
    error = dict(decode(acknowledgement))[3]
    assert isinstance(error, bytes)
    name = dict(decode(error))[1]
    assert isinstance(name, bytes)
    return name


@pytest.mark.parametrize("protocol", [PROTOBUF, PROTOBUF.upper()])
async def test_the_protobuf_subprotocol_receives_a_connected_message(
    clients: Clients, protocol: str
) -> None:
    socket, connected = await connect(clients, protocol, user_id="ann")
    assert socket.raw.protocol == protocol
    assert connected[1]
    assert connected[2] == b"ann"
    assert 3 not in connected
    assert await nothing_waits(socket)


@pytest.mark.parametrize("protocol", [RELIABLE, RELIABLE.upper()])
async def test_the_reliable_protobuf_subprotocol_receives_a_reconnection_token(
    clients: Clients, protocol: str
) -> None:
    _, connected = await connect(clients, protocol)
    assert connected[3]
    assert 2 not in connected


async def test_protobuf_clients_join_publish_and_leave_a_group(clients: Clients) -> None:
    receiver, _ = await connect(clients)
    sender, _ = await connect(clients)
    await receiver.raw.send_bytes(bytes.fromhex("32080A04726F6F6D1000"))
    assert await receive(receiver) == success(0)
    message = {1: "room", 3: {1: "hello"}, 5: 300}
    assert await ask(sender, {1: {**message, 2: 1}}) == success(1)
    assert await data_of(receiver) == [(1, b"group"), (2, b"room"), (3, encode({1: "hello"}))]
    assert await ask(receiver, {7: {1: "room", 2: 2}}) == success(2)
    assert await ask(sender, {1: {**message, 2: 2}}) == success(2)
    assert await nothing_waits(receiver)


@pytest.mark.parametrize("ack_id", [0, 2**64 - 1])
async def test_acks_report_forbidden_and_duplicate_requests(
    emulator: Emulator, hub: str, clients: Clients, ack_id: int
) -> None:
    socket, _ = await connect(clients, roles=["webpubsub.joinLeaveGroup.room"])
    for fields in ({6: {1: "no"}}, {7: {1: "no"}}, {1: {1: "room", 3: {1: "x"}}}):
        [(kind, request)] = fields.items()
        assert error_name(await ask(socket, {kind: {**request, 2: ack_id}})) == b"Forbidden"
    assert await ask(socket, {6: {1: "room", 2: ack_id}}) == success(ack_id)
    assert error_name(await ask(socket, {7: {1: "room", 2: ack_id}})) == b"Duplicate"
    with emulator.service(hub) as service:
        service.send_to_group("room", "still a member", content_type="text/plain")
    assert (3, encode({1: "still a member"})) in await data_of(socket)


@pytest.mark.parametrize("frame", ["", "FF", "3200", "0A060A04726F6F6D", "5200"])
async def test_an_invalid_payload_closes_with_1007(clients: Clients, frame: str) -> None:
    socket, _ = await connect(clients)
    await socket.raw.send_bytes(bytes.fromhex(frame))
    assert only(only(await receive(socket), 3), 2)
    await socket.raw.receive(LIMIT)
    assert socket.raw.close_code == 1007


async def test_a_text_frame_closes_with_1003(clients: Clients) -> None:
    socket, _ = await connect(clients)
    await socket.raw.send_str("x")
    await receive(socket)
    await socket.raw.receive(LIMIT)
    assert socket.raw.close_code == 1003


async def test_a_native_any_reaches_every_kind_of_client_without_echo(clients: Clients) -> None:
    protobuf, _ = await connect(clients, groups=["g"])
    json_client, _ = await clients.connect(groups=["g"])
    raw = await clients.open((), groups=["g"])
    sender, _ = await connect(clients, user_id="ann", groups=["g"])
    pair = {1: "trace", 2: "mixed"}
    frame = {1: "g", 2: 1, 3: {3: ANY}, 4: 1, 6: pair}
    assert await ask(sender, {1: frame}) == success(1)
    assert await data_of(protobuf) == [
        (1, b"group"),
        (2, b"g"),
        (3, encode({3: ANY})),
        (5, encode(pair)),
    ]
    told = await json_client.receive()
    assert (told["dataType"], told["fromUserId"]) == ("protobuf", "ann")
    assert told["metadata"] == {"trace": "mixed"}
    assert (await raw.raw.receive(LIMIT)).data == ANY
    echoed = await json_client.ask(
        type="sendToGroup", group="g", dataType="protobuf", data=told["data"]
    )
    assert echoed["data"] == told["data"]
    assert (3, encode({3: ANY})) in await data_of(protobuf)


@pytest.mark.parametrize(
    ("data_type", "data", "field"),
    [
        ("text", "hé", {1: "hé"}),
        ("json", {"a": [1]}, {4: '{"a":[1]}'}),
        ("binary", "AP8=", {2: b"\0\xff"}),
    ],
)
async def test_json_and_protobuf_clients_understand_each_other(
    clients: Clients, data_type: str, data: Any, field: dict[int, Any]
) -> None:
    protobuf, _ = await connect(clients, groups=["g"])
    json_client, _ = await clients.connect(JSON, groups=["g"])
    await json_client.ask(type="sendToGroup", group="g", dataType=data_type, data=data)
    assert (3, encode(field)) in await data_of(protobuf)
    await send(protobuf, {1: {1: "g", 3: field}})
    back = await json_client.receive()
    assert (back["dataType"], back["data"]) == (data_type, data)


async def test_what_a_json_client_calls_protobuf_and_is_none_arrives_as_binary(
    clients: Clients,
) -> None:
    protobuf, _ = await connect(clients, groups=["g"])
    json_client, _ = await clients.connect()
    await json_client.send(type="sendToGroup", group="g", dataType="protobuf", data="/w==")
    assert (3, encode({2: b"\xff"})) in await data_of(protobuf)


@pytest.mark.parametrize(
    ("content_type", "body", "field"),
    [
        ("text/plain", "你好", {1: "你好"}),
        ("application/json", {"a": 1}, {4: '{"a": 1}'}),
        ("application/octet-stream", BINARY, {2: b"\0\xff"}),
    ],
)
async def test_rest_delivery_preserves_data_types(
    service: WebPubSubServiceClient, clients: Clients, content_type: str, body: Any, field: Any
) -> None:
    socket, _ = await connect(clients)
    service.send_to_all(body, content_type=content_type)
    assert await data_of(socket) == [(1, b"server"), (3, encode(field))]


async def test_an_any_goes_to_the_handler_and_back_with_metadata_before_the_ack(
    handled: Handled,
) -> None:
    reply = encode({1: "type.googleapis.com/x", 2: b"reply"})
    handled.handler.answer = lambda event: (
        web.Response(
            body=reply,
            content_type="application/x-protobuf",
            headers={"X-WebPubSub-Metadata-Trace": "reply"},
        )
        if event.name == "e"
        else web.Response(status=204)
    )
    socket, _ = await connect(handled.clients, user_id="ann")
    event = {1: "e", 2: {3: ANY}, 3: 42, 4: {1: "Trace", 2: "request"}}
    await send(socket, {5: event})
    pair = encode({1: "trace", 2: "reply"})
    assert await data_of(socket) == [(1, b"server"), (3, encode({3: reply})), (5, pair)]
    assert await receive(socket) == success(42)
    [told] = handled.handler.named("e")
    assert told.body == ANY
    assert told.headers["content-type"] == "application/x-protobuf"
    assert told.headers["x-webpubsub-metadata-trace"] == "request"
    assert told.headers["ce-subprotocol"] == PROTOBUF
    assert error_name(await ask(socket, {5: event})) == b"Duplicate"
    assert len(handled.handler.named("e")) == 1


async def test_an_event_without_a_handler_is_an_error_ack_and_keeps_the_connection(
    clients: Clients,
) -> None:
    socket, _ = await connect(clients)
    assert error_name(await ask(socket, {5: {1: "e", 2: {1: "x"}, 3: 1}})) == b"InternalServerError"
    assert await nothing_waits(socket)


async def test_closing_says_why_in_a_disconnected_message(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    socket, connected = await connect(clients)
    with emulator.service(hub) as service:
        assert isinstance(connected[1], bytes)
        service.close_connection(connected[1].decode(), reason="enough")
    disconnected = only(only(await receive(socket), 3), 2)
    assert only(disconnected, 2) == b"Application server closed the connection. enough"
    await socket.raw.receive(LIMIT)
    assert socket.raw.close_code == 1000


@pytest.mark.parametrize("acknowledged", [0, 2])
async def test_a_drop_replays_ordered_data_and_acks_trim_cumulatively(
    emulator: Emulator, hub: str, clients: Clients, acknowledged: int
) -> None:
    socket, connected = await connect(clients, RELIABLE, user_id="ann", groups=["g"])
    with emulator.service(hub) as service:
        service.send_to_user("ann", "first", content_type="text/plain")
        service.send_to_user("ann", {"second": 2})
        await send(socket, {1: {1: "g", 3: {3: ANY}, 6: {1: "k", 2: "v"}}})
        seen = [await receive(socket) for _ in range(3)]
        if acknowledged:
            await send(socket, {8: {1: acknowledged}})
            assert await nothing_waits(socket)
        socket.drop()
        service.send_to_user("ann", BINARY, content_type="application/octet-stream")
        service.send_to_group("g", "offline", content_type="text/plain")
        again = await recover(clients, emulator, connected, RELIABLE)
        await receive(again)
        assert [await receive(again) for _ in seen[acknowledged:]] == seen[acknowledged:]
        assert await data_of(again) == [(1, b"server"), (3, encode({2: b"\0\xff"})), (4, 4)]
        offline = [(1, b"group"), (2, b"g"), (3, encode({1: "offline"})), (4, 5)]
        assert await data_of(again) == offline
        service.send_to_user("ann", "live", content_type="text/plain")
        assert (4, 6) in await data_of(again)
    assert await nothing_waits(again)


@pytest.mark.parametrize("ack_id", [0, 2**64 - 1])
async def test_recovery_retains_groups_and_remembers_ack_ids(
    emulator: Emulator, hub: str, clients: Clients, ack_id: int
) -> None:
    socket, connected = await connect(clients, RELIABLE)
    assert await ask(socket, {6: {1: "g", 2: ack_id}}) == success(ack_id)
    socket.drop()
    again = await recover(clients, emulator, connected, RELIABLE)
    await receive(again)
    assert error_name(await ask(again, {7: {1: "g", 2: ack_id}})) == b"Duplicate"
    with emulator.service(hub) as service:
        await asyncio.to_thread(service.send_to_group, "g", "x", content_type="text/plain")
    assert (4, 1) in await data_of(again)


@pytest.mark.parametrize("spoilt", [1, 3])
async def test_an_invalid_recovery_closes_with_1008_and_spares_the_connection(
    emulator: Emulator, clients: Clients, spoilt: int
) -> None:
    socket, connected = await connect(clients, RELIABLE)
    socket.drop()
    wrong = await recover(clients, emulator, {**connected, spoilt: b"wrong"}, RELIABLE)
    await wrong.raw.receive(LIMIT)
    assert wrong.raw.close_code == 1008
    again = await recover(clients, emulator, connected, RELIABLE)
    await receive(again)
    assert await nothing_waits(again)


@pytest.mark.parametrize("offered", [(), (PROTOBUF,), ("json.reliable.webpubsub.azure.v1",)])
async def test_recovery_keeps_the_original_subprotocol_whatever_is_offered(
    emulator: Emulator, clients: Clients, offered: tuple[str, ...]
) -> None:
    socket, connected = await connect(clients, RELIABLE)
    socket.drop()
    again = await recover(clients, emulator, connected, *offered)
    assert again.raw._response.headers["Sec-WebSocket-Protocol"] == RELIABLE
    await receive(again)
    assert await nothing_waits(again)

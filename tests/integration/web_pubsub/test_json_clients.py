"""The JSON subprotocol, frame by frame."""

import json
from typing import Any

import pytest

from tests.integration.web_pubsub.conftest import Handled
from tests.integration.web_pubsub.harness import RELIABLE, Clients, Emulator, Socket


async def member(clients: Clients, group: str = "g", **token: Any) -> Socket:
    socket, _ = await clients.connect(**token)
    joined = await socket.ask(type="joinGroup", group=group, ackId=1)
    assert joined == {"type": "ack", "ackId": 1, "success": True}
    return socket


async def test_clients_join_publish_and_leave_a_group(clients: Clients) -> None:
    ann, bob = await member(clients, user_id="ann"), await member(clients, user_id="bob")
    await ann.send(type="sendToGroup", group="g", data={"n": 1})
    expected = {
        "type": "message",
        "from": "group",
        "fromUserId": "ann",
        "group": "g",
        "dataType": "json",
        "data": {"n": 1},
    }
    assert await bob.receive() == expected
    assert await ann.receive() == expected
    assert (await bob.ask(type="leaveGroup", group="g", ackId=2))["success"]
    await ann.send(type="sendToGroup", group="g", data=2)
    assert (await ann.receive())["data"] == 2
    assert await bob.nothing_waits()


async def test_group_messages_preserve_data_types_metadata_and_no_echo(clients: Clients) -> None:
    ann, bob = await member(clients), await member(clients)
    for data_type, data in [("text", "ü"), ("binary", "AP8="), ("protobuf", "AP8="), ("json", [])]:
        await ann.send(
            type="sendToGroup",
            group="g",
            dataType=data_type,
            data=data,
            metadata={"Key": "v"},
            noEcho=True,
        )
        frame = await bob.receive()
        assert (frame["dataType"], frame["data"]) == (data_type, data)
        assert frame["metadata"] == {"Key": "v"}
        assert frame["fromUserId"] is None
    assert await ann.nothing_waits()


async def test_a_sender_that_is_no_member_gets_no_echo(clients: Clients) -> None:
    socket, _ = await clients.connect()
    assert (await socket.ask(type="sendToGroup", group="g", data=1, ackId=1))["success"]
    assert await socket.nothing_waits()


async def test_groups_of_the_token_are_joined_on_activation(clients: Clients) -> None:
    socket, _ = await clients.connect(groups=["a", "b"])
    await socket.send(type="sendToGroup", group="b", data=1)
    assert (await socket.receive())["group"] == "b"


async def test_acks_report_forbidden_and_duplicate_requests(clients: Clients) -> None:
    socket, _ = await clients.connect(roles=["webpubsub.joinLeaveGroup.mine"])
    forbidden = await socket.ask(type="joinGroup", group="other", ackId=1)
    assert forbidden["error"]["name"] == "Forbidden"
    assert "other" in forbidden["error"]["message"]
    assert (await socket.ask(type="joinGroup", group="mine", ackId=1))["success"]
    duplicate = await socket.ask(type="leaveGroup", group="mine", ackId=1)
    assert (duplicate["success"], duplicate["error"]["name"]) == (False, "Duplicate")
    assert "1" in duplicate["error"]["message"]
    assert (await socket.ask(type="sendToGroup", group="mine", data=1, ackId=2))["error"]


async def test_a_forbidden_request_without_ack_id_is_dropped_silently(clients: Clients) -> None:
    socket, _ = await clients.connect(roles=[])
    await socket.send(type="joinGroup", group="g")
    await socket.send(type="sendToGroup", group="g", data=1)
    assert await socket.nothing_waits()


async def test_wildcard_roles_permit_matching_groups(clients: Clients) -> None:
    socket, _ = await clients.connect(roles=["webpubsub.joinLeaveGroups.room.*"])
    assert (await socket.ask(type="joinGroup", group="room.1", ackId=1))["success"]
    assert not (await socket.ask(type="joinGroup", group="room.1.2", ackId=2))["success"]


async def test_a_sequence_ack_is_accepted_without_enabling_reliable_delivery(
    clients: Clients,
) -> None:
    socket = await member(clients)
    await socket.send(type="sequenceAck", sequenceId=1)
    await socket.send(type="sendToGroup", group="g", data=1)
    assert "sequenceId" not in await socket.receive()


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        "[]",
        json.dumps({"type": "x" * 5000}),
        json.dumps({"type": "joinGroup", "group": ""}),
        json.dumps({"type": "joinGroup", "group": "g", "ackId": -1}),
        json.dumps({"type": "sendToGroup", "group": "g", "data": 1, "ttlSeconds": 301}),
        json.dumps({"type": "event", "event": "not valid", "data": 1}),
        '{"type":"event","event":"e","data":1,"metadata":{"k":"1","k":"2"}}',
        "[" * 50_000,
    ],
)
@pytest.mark.parametrize("protocol", ["json.webpubsub.azure.v1", RELIABLE])
async def test_a_malformed_frame_closes_with_1007(
    clients: Clients, frame: str, protocol: str
) -> None:
    socket, _ = await clients.connect(protocol)
    await socket.raw.send_str(frame)
    code, frames = await socket.closing()
    assert code == 1007
    assert [each["event"] for each in frames] == ["disconnected"]


async def test_what_came_before_a_malformed_frame_still_counts(handled: Handled) -> None:
    socket, _ = await handled.clients.connect()
    await socket.send(type="event", event="e", dataType="text", data="x", ackId=1)
    await socket.raw.send_str("{")
    code, frames = await socket.closing()
    assert (code, frames[0]) == (1007, {"type": "ack", "ackId": 1, "success": True})


async def test_a_binary_frame_ends_the_connection_with_a_disconnected_frame(
    clients: Clients,
) -> None:
    socket, _ = await clients.connect()
    await socket.raw.send_bytes(b"{}")
    code, frames = await socket.closing()
    assert code == 1003
    assert [each["event"] for each in frames] == ["disconnected"]


async def test_an_oversized_message_closes_with_message_too_big(clients: Clients) -> None:
    socket = await member(clients)
    frame = {"type": "sendToGroup", "group": "g", "dataType": "text", "data": ""}
    frame["data"] = "x" * (2**20 - len(json.dumps(frame)))
    await socket.send(**frame)
    assert len((await socket.receive())["data"]) == len(frame["data"])
    frame["data"] += "x"
    await socket.send(**frame)
    assert (await socket.closing())[0] == 1009


async def test_text_that_is_no_utf8_closes_with_1007(clients: Clients) -> None:
    socket, _ = await clients.connect()
    await socket.raw.send_frame(b"\xff\xfe", 1)  # type: ignore[arg-type] # the opcode of text
    assert (await socket.closing())[0] == 1007


async def test_an_event_without_a_handler_is_an_error_ack_and_keeps_the_connection(
    clients: Clients,
) -> None:
    socket, _ = await clients.connect()
    ack = await socket.ask(type="event", event="e", data=1, ackId=1)
    assert ack["error"]["name"] == "InternalServerError"
    await socket.send(type="event", event="e", data=1)
    assert await socket.nothing_waits()


async def test_a_client_that_does_not_read_is_dropped_and_holds_up_nobody(
    emulator: Emulator, hub: str, clients: Clients
) -> None:
    deaf, connected = await clients.connect(groups=["g"])
    deaf.stop_reading()
    sender, _ = await clients.connect(groups=["g"])
    for number in range(45):
        await sender.send(type="sendToGroup", group="g", data=f"{number}" + "x" * 1_000_000)
        assert (await sender.receive())["data"].startswith(str(number))
    with emulator.service(hub) as service:
        assert not service.connection_exists(connected["connectionId"])
    deaf.drop()

"""The protobuf subprotocols' frames, against the field numbers of the service."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulators.web_pubsub.codec import (
    AckError,
    JoinGroup,
    LeaveGroup,
    MalformedFrameError,
    Ping,
    SendEvent,
    SendToGroup,
    SequenceAck,
)
from emulators.web_pubsub.json_codec import JsonCodec
from emulators.web_pubsub.messages import Content, DataType, Message
from emulators.web_pubsub.protobuf_codec import ProtobufCodec
from tests.harness.protobuf_wire import decode, encode, only

MAX = 2**64 - 1
ANY = encode({1: "type.googleapis.com/google.protobuf.StringValue", 2: {1: "你好"}})
NO_ANY = b"\xff"
CODEC = ProtobufCodec()
RELIABLE = ProtobufCodec(reliable=True)
X = Content(DataType.TEXT, b"x")


def parse(fields: dict[int, Any]) -> Any:
    return CODEC.parse(encode(fields))


def payload_of(frame: bytes) -> bytes:
    """The payload of a short WebSocket frame, which must be binary and final."""
    assert frame[0] == 0x82
    assert frame[1] < 126
    return frame[2:]


def rendered(content: Content, group: str | None = None) -> list[tuple[int, int | bytes]]:
    message = Message(content, group=group, from_user_id="ann")
    data = only(CODEC.render(message).payload, 2)
    assert isinstance(data, bytes)
    return decode(data)


@pytest.mark.parametrize(
    ("fields", "request_"),
    [
        ({6: {1: "g"}}, JoinGroup("g", None)),
        ({6: {1: "g", 2: 0}}, JoinGroup("g", 0)),
        ({7: {1: "g", 2: MAX}}, LeaveGroup("g", MAX)),
        ({1: {1: "g", 3: {1: "x"}}}, SendToGroup("g", X, no_echo=False, ack_id=None)),
        (
            {1: {1: "g", 2: 7, 3: {1: "x"}, 4: 1, 5: 300}},
            SendToGroup("g", X, no_echo=True, ack_id=7, ttl_seconds=300),
        ),
        ({5: {1: "e", 2: {1: "x"}, 3: 7}}, SendEvent("e", X, 7)),
        ({8: {1: 5}}, SequenceAck(5)),
        ({8: {}}, SequenceAck(0)),
        ({9: {}}, Ping()),
    ],
)
def test_each_kind_of_frame_is_read(fields: dict[int, Any], request_: object) -> None:
    assert parse(fields) == request_


def test_a_known_wire_frame_with_an_explicit_ack_id_of_zero() -> None:
    assert CODEC.parse(bytes.fromhex("32080A04726F6F6D1000")) == JoinGroup("room", 0)


@pytest.mark.parametrize(
    ("data", "content"),
    [
        ({1: "text"}, Content(DataType.TEXT, b"text")),
        ({2: b"\x00\xff"}, Content(DataType.BINARY, b"\x00\xff")),
        ({3: ANY}, Content(DataType.PROTOBUF, ANY)),
        ({4: '{"a": 1.0}'}, Content(DataType.JSON, b'{"a": 1.0}')),
        ({1: ""}, Content(DataType.TEXT, b"")),
        ({2: b""}, Content(DataType.BINARY, b"")),
    ],
)
def test_selected_data_is_passed_on_byte_for_byte_even_if_empty(
    data: dict[int, Any], content: Content
) -> None:
    assert parse({5: {1: "e", 2: data}}).content == content


def test_metadata_alone_is_an_empty_text_and_its_keys_are_case_sensitive() -> None:
    metadata = [{1: "Trace", 2: "first"}, {1: "trace", 2: ""}]
    content = Content(DataType.TEXT, b"", {"Trace": "first", "trace": ""})
    assert parse({5: {1: "e", 4: metadata}}).content == content
    assert parse({1: {1: "g", 6: metadata}}).content == content


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {10: {}},  # an invocation
        {6: {}},
        {6: {1: " "}},
        {6: {1: "g" * 1025}},
        {6: {1: b"\xff"}},
        {1: {1: "g"}},
        {1: {1: "g", 3: {}}},
        {1: {1: "g", 3: {1: "x"}, 5: 301}},
        {1: {1: "g", 3: {1: "x"}, 7: {1: "stream"}}},
        {1: {1: "g", 3: {3: NO_ANY}}},
        {1: {1: "g", 3: {4: "{"}}},
        {1: {1: "g", 3: {4: ""}}},
        {5: {1: "bad event", 2: {1: "x"}}},
        {5: {1: "e"}},
        {5: {1: "e", 2: {}, 4: {1: "k", 2: "v"}}},
        {5: {1: "e", 2: {1: "x"}, 5: {}}},
        {5: {1: "e", 4: {1: "bad:key", 2: "v"}}},
        {5: {1: "e", 4: {1: "k", 2: "é"}}},
        {5: {1: "e", 4: {1: "k" * 257, 2: "v"}}},
        {5: {1: "e", 4: {1: "k", 2: "v" * 1025}}},
    ],
)
def test_anything_else_is_malformed(fields: dict[int, Any]) -> None:
    with pytest.raises(MalformedFrameError) as refusal:
        parse(fields)
    assert refusal.value.close_code == 1007


@given(st.binary(max_size=200))
def test_hostile_bytes_are_malformed_and_nothing_worse(data: bytes) -> None:
    with suppress(MalformedFrameError):
        CODEC.parse(data)


def test_a_text_frame_is_refused_with_a_code_of_its_own() -> None:
    with pytest.raises(MalformedFrameError) as refusal:
        CODEC.parse("x")
    assert refusal.value.close_code == 1003


def test_a_group_message_names_the_group_and_not_the_sender() -> None:
    content = Content(DataType.TEXT, b"x", {"k": "v"})
    pair = encode({1: "k", 2: "v"})
    assert rendered(content, "g") == [(1, b"group"), (2, b"g"), (3, encode({1: "x"})), (5, pair)]


@pytest.mark.parametrize(
    ("content", "data"),
    [
        (X, {1: "x"}),
        (Content(DataType.BINARY, b"\x00"), {2: b"\x00"}),
        (Content(DataType.PROTOBUF, ANY), {3: ANY}),
        (Content(DataType.PROTOBUF, NO_ANY), {2: NO_ANY}),
        (Content(DataType.JSON, b'{"a": 1.0}'), {4: '{"a": 1.0}'}),
    ],
)
def test_server_data_has_the_field_of_its_type(content: Content, data: dict[int, Any]) -> None:
    assert rendered(content) == [(1, b"server"), (3, encode(data))]


def test_an_any_is_base64_for_json_clients() -> None:
    message = Message(Content(DataType.PROTOBUF, b"\x00\x01"))
    frame = JsonCodec().render(message).payload
    assert frame == b'{"type":"message","from":"server","dataType":"protobuf","data":"AAE="}'


@pytest.mark.parametrize("sequence_id", [1, 128, MAX])
def test_data_includes_the_sequence_id_of_a_reliable_connection(sequence_id: int) -> None:
    shared = RELIABLE.render(Message(X))
    data = only(payload_of(RELIABLE.sequenced(shared, sequence_id)), 2)
    assert isinstance(data, bytes)
    assert decode(data) == [(1, b"server"), (3, encode({1: "x"})), (4, sequence_id)]


def test_one_message_is_rendered_once_for_every_kind_of_protobuf_client() -> None:
    message = Message(X)
    assert message.rendered_by(CODEC) is message.rendered_by(RELIABLE)


def test_system_frames() -> None:
    connected = payload_of(CODEC.connected("c", "ann", "token"))
    assert connected == encode({3: {1: {1: "c", 2: "ann", 3: "token"}}})
    assert payload_of(CODEC.connected("c", None, None)) == encode({3: {1: {1: "c"}}})
    assert payload_of(CODEC.disconnected("why")) == encode({3: {2: {2: "why"}}})
    assert payload_of(CODEC.ack(MAX, None)) == encode({1: {1: MAX, 2: 1}})
    error = payload_of(CODEC.ack(0, AckError("Forbidden", "no")))
    assert error == encode({1: {1: 0, 2: 0, 3: {1: "Forbidden", 2: "no"}}})
    assert payload_of(CODEC.pong()) == encode({4: {}})

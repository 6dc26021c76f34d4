"""How messages look on the wire, and that they are rendered once."""

import json
import struct
from typing import Any

from emulators.web_pubsub.codec import AckError, SendEvent, SendToGroup
from emulators.web_pubsub.json_codec import JsonCodec
from emulators.web_pubsub.messages import Content, DataType, Message, Rendered
from emulators.web_pubsub.raw_codec import RawCodec
from emulators.web_pubsub.wire import BINARY, TEXT, encode_close, encode_frame

PLAIN, RELIABLE, RAW = JsonCodec(), JsonCodec(reliable=True), RawCodec()
JSON_ONE = Content(DataType.JSON, b'{"n": 1.0}')


def body(frame: bytes | None) -> Any:
    assert frame is not None
    return json.loads(frame[2 if frame[1] < 126 else 4 :])


def numbered(message: Message, sequence_id: int) -> Any:
    return body(RELIABLE.sequenced(message.rendered_by(RELIABLE), sequence_id))


def test_a_group_message_names_group_and_sender() -> None:
    message = Message(JSON_ONE, group="g", from_user_id="u")
    assert json.loads(message.rendered_by(PLAIN).payload) == {
        "type": "message",
        "from": "group",
        "fromUserId": "u",
        "group": "g",
        "dataType": "json",
        "data": {"n": 1.0},
    }


def test_group_data_includes_sequence_id() -> None:
    message = Message(JSON_ONE, group="g")
    assert numbered(message, 3)["sequenceId"] == 3
    assert numbered(message, 4)["fromUserId"] is None


def test_server_data_includes_sequence_id() -> None:
    assert numbered(Message(JSON_ONE), 1) == {
        "sequenceId": 1,
        "type": "message",
        "from": "server",
        "dataType": "json",
        "data": {"n": 1.0},
    }


def test_server_data_omits_sequence_id_when_not_reliable() -> None:
    assert "sequenceId" not in json.loads(Message(JSON_ONE).rendered_by(PLAIN).payload)


def test_json_data_is_passed_on_as_the_text_it_is() -> None:
    exact = Content(DataType.JSON, b"0.10000000000000000000000001")
    assert exact.payload in Message(exact).rendered_by(PLAIN).payload


def test_binary_data_travels_as_base64_and_metadata_as_an_object() -> None:
    message = Message(Content(DataType.BINARY, b"\x00\xff", {"k": "v"}))
    frame = json.loads(message.rendered_by(PLAIN).payload)
    assert (frame["data"], frame["dataType"], frame["metadata"]) == ("AP8=", "binary", {"k": "v"})


def test_one_message_is_rendered_once_for_every_kind_of_json_client() -> None:
    message = Message(JSON_ONE)
    assert message.rendered_by(PLAIN) is message.rendered_by(RELIABLE)
    assert message.rendered_by(PLAIN).frame is message.rendered_by(PLAIN).frame


def test_raw_clients_get_the_bare_payload_in_a_frame_of_its_kind() -> None:
    kinds = [(DataType.TEXT, TEXT), (DataType.JSON, TEXT)]
    kinds += [(DataType.BINARY, BINARY), (DataType.PROTOBUF, BINARY)]
    for data_type, opcode in kinds:
        rendered = Message(Content(data_type, b"1")).rendered_by(RAW)
        assert (rendered.opcode, rendered.payload) == (opcode, b"1")


def test_raw_frames_are_events_or_messages_to_the_one_group() -> None:
    assert RAW.parse("t") == SendEvent("message", Content(DataType.TEXT, b"t"), None)
    sending = RawCodec("g", no_echo=True)
    assert sending.parse(b"b") == SendToGroup("g", Content(DataType.BINARY, b"b"), True, None)


def test_system_frames_of_json_clients() -> None:
    connected = body(RELIABLE.connected("c", None, "token"))
    assert connected["event"] == "connected"
    assert (connected["userId"], connected["reconnectionToken"]) == (None, "token")
    assert "reconnectionToken" not in body(PLAIN.connected("c", "u", None))
    assert body(PLAIN.disconnected("why"))["message"] == "why"
    assert body(PLAIN.pong()) == {"type": "pong"}
    assert body(PLAIN.ack(1, None)) == {"type": "ack", "ackId": 1, "success": True}
    failed = body(PLAIN.ack(2, AckError("Forbidden", "no")))
    assert failed["error"] == {"name": "Forbidden", "message": "no"}


def test_frames_of_every_size_have_the_right_header() -> None:
    assert encode_frame(TEXT, b"x" * 125)[:2] == bytes([0x81, 125])
    assert encode_frame(TEXT, b"x" * 126)[:4] == struct.pack("!BBH", 0x81, 126, 126)
    assert encode_frame(BINARY, b"x" * 65536)[:10] == struct.pack("!BBQ", 0x82, 127, 65536)
    assert Rendered(TEXT, b"hi").frame == b"\x81\x02hi"


def test_a_close_reason_is_cut_between_two_characters_to_what_a_frame_can_hold() -> None:
    frame = encode_close(1007, "é" * 100)
    assert frame[1] == 2 + 122
    assert frame[4:].decode() == "é" * 61

"""What JSON clients may send, and that everything else is refused and nothing breaks."""

import json
from typing import Any

import pytest

from emulators.web_pubsub.codec import (
    JoinGroup,
    LeaveGroup,
    MalformedFrameError,
    Ping,
    SendEvent,
    SendToGroup,
    SequenceAck,
)
from emulators.web_pubsub.json_codec import JsonCodec
from emulators.web_pubsub.json_frames import parse_json_frame
from emulators.web_pubsub.messages import Content, DataType


def parse(**frame: Any) -> Any:
    return parse_json_frame(json.dumps(frame))


def sent(**fields: Any) -> Content:
    request = parse(type="sendToGroup", group="g", **fields)
    assert isinstance(request, SendToGroup)
    return request.content


def test_each_type_is_read() -> None:
    assert parse(type="joinGroup", group="g", ackId=1) == JoinGroup("g", 1)
    assert parse(type="leaveGroup", group="g") == LeaveGroup("g", None)
    assert parse(type="ping") == Ping()
    assert parse(type="sequenceAck", sequenceId=7) == SequenceAck(7)
    event = parse(type="event", event="go", dataType="text", data="x", ackId=None)
    assert event == SendEvent("go", Content(DataType.TEXT, b"x"), None)


def test_the_type_is_compared_ignoring_case() -> None:
    assert parse(type="JOINgroup", group="g") == JoinGroup("g", None)


def test_data_is_json_unless_its_type_says_otherwise() -> None:
    assert sent(data={"a": [1, "ü"]}) == Content(DataType.JSON, '{"a":[1,"ü"]}'.encode())
    assert sent(data="t", dataType="text") == Content(DataType.TEXT, b"t")
    assert sent(data="AAH/", dataType="binary") == Content(DataType.BINARY, b"\x00\x01\xff")
    assert sent(data="AAH/", dataType="protobuf").data_type is DataType.PROTOBUF
    assert sent(data=False) == Content(DataType.JSON, b"false")


def test_metadata_without_data_is_an_empty_text_message() -> None:
    assert sent(metadata={"k": "v"}) == Content(DataType.TEXT, b"", {"k": "v"})


def test_metadata_keys_are_case_sensitive() -> None:
    assert sent(data=1, metadata={"k": "1", "K": "2"}).metadata == {"k": "1", "K": "2"}


def test_a_repeated_metadata_key_is_refused() -> None:
    with pytest.raises(MalformedFrameError):
        parse_json_frame('{"type":"event","event":"e","data":1,"metadata":{"k":"1","k":"2"}}')


def test_a_repeated_key_elsewhere_is_not() -> None:
    parse_json_frame('{"type":"event","event":"e","data":{"a":1,"a":2},"metadata":{"k":"1"}}')


@pytest.mark.parametrize(
    "metadata",
    [
        "text",
        ["list"],
        {"k": 1},
        {"": "v"},
        {"with space": "v"},
        {"ü": "v"},
        {"k": "a\nb"},
        {"k" * 257: "v"},
        {"k": "v" * 1025},
        {f"k{n}": "v" * 1024 for n in range(9)},
    ],
)
def test_metadata_beyond_the_limits_is_refused(metadata: Any) -> None:
    with pytest.raises(MalformedFrameError):
        sent(data=1, metadata=metadata)


@pytest.mark.parametrize("name", ["a", "A1", "a_b.c-d", "x" * 128])
def test_an_event_name_of_up_to_128_characters_is_accepted(name: str) -> None:
    assert parse(type="event", event=name, data=1).event == name


@pytest.mark.parametrize("name", ["", "1a", "_a", "a b", "ä", "a/b", "x" * 129, 5, None, "a\n"])
def test_any_other_event_name_is_refused(name: Any) -> None:
    with pytest.raises(MalformedFrameError):
        parse(type="event", event=name, data=1)


@pytest.mark.parametrize("group", ["", " ", "\t\n", "x" * 1025, 5, None])
def test_an_invalid_group_is_refused(group: Any) -> None:
    with pytest.raises(MalformedFrameError):
        parse(type="joinGroup", group=group)


@pytest.mark.parametrize("ack_id", [-1, 2**64, 1.5, "1", True, []])
def test_an_ack_id_that_is_no_unsigned_64_bit_integer_is_refused(ack_id: Any) -> None:
    with pytest.raises(MalformedFrameError):
        parse(type="joinGroup", group="g", ackId=ack_id)


def test_the_largest_ack_id_is_accepted() -> None:
    assert parse(type="joinGroup", group="g", ackId=2**64 - 1).ack_id == 2**64 - 1


@pytest.mark.parametrize("ttl", [-1, 301, 1.5, "1", True])
def test_a_ttl_outside_0_to_300_is_refused(ttl: Any) -> None:
    with pytest.raises(MalformedFrameError):
        sent(data=1, ttlSeconds=ttl)


@pytest.mark.parametrize("ttl", [None, 0, 300])
def test_a_ttl_from_0_to_300_is_accepted(ttl: Any) -> None:
    assert sent(data=1, ttlSeconds=ttl).payload == b"1"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"data": None},
        {"dataType": "text", "data": 1},
        {"dataType": "binary", "data": "no base64!"},
        {"dataType": "binary", "data": "ä"},
        {"dataType": "xml", "data": "x"},
        {"dataType": 1, "data": "x"},
        {"data": 1, "noEcho": "yes"},
    ],
)
def test_data_that_is_not_what_its_type_says_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedFrameError):
        sent(**fields)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '"text"',
        "{}",
        '{"type":null}',
        '{"type":' + '"x' * 1000 + '"}',
        '{"type":"event","event":"e","data":NaN}',
        '{"type":"event","event":"e","data":-Infinity}',
        '{"type":"event","event":"e","data":1e999}',
        '{"type":"event","event":"e","data":' + "1" * 5000 + "}",
        '{"type":"event","event":"e","data":"\\ud800"}',
        '{"type":"event","event":"e","dataType":"text","data":"\\uDC00"}',
        '{"type":"joinGroup","group":"\\udfff"}',
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_hostile_text_is_malformed_and_nothing_worse(text: str) -> None:
    with pytest.raises(MalformedFrameError) as caught:
        parse_json_frame(text)
    assert caught.value.close_code == 1007


def test_an_escaped_pair_of_halves_is_one_character() -> None:
    assert sent(data="\U0001f600", dataType="text").payload.decode() == "\U0001f600"


def test_a_binary_frame_is_refused_with_a_code_of_its_own() -> None:
    with pytest.raises(MalformedFrameError) as caught:
        JsonCodec().parse(b"{}")
    assert caught.value.close_code == 1003

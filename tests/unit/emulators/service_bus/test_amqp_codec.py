"""The wire: what is written is read back, and no bytes do more than raise DecodeError."""

import uuid
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulators.amqp import sections
from emulators.amqp.decoder import DecodeError, decode, skip
from emulators.amqp.encoder import encode
from emulators.amqp.frames import FrameReader
from emulators.amqp.sections import (
    Message,
    Properties,
    parse,
    split_batch,
    with_application_properties,
)
from emulators.amqp.types import Array, Described, Int, Symbol, Timestamp, UInt, ULong

plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=300),
    st.binary(max_size=300),
    st.uuids(),
)
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(values)
def test_a_value_comes_back_as_it_was_and_its_end_is_known(value: Any) -> None:
    raw = encode(value)
    assert decode(raw) == (value, len(raw))
    assert skip(raw, 0) == len(raw)


@pytest.mark.parametrize(
    "value",
    [Symbol("s" * 300), Timestamp(5), UInt(0), UInt(2**32 - 1), ULong(300), Int(-5), Int(70_000)],
)
def test_types_that_python_does_not_tell_apart_keep_their_value(value: Any) -> None:
    assert decode(encode(value))[0] == value


def test_arrays_and_described_values_come_back() -> None:
    ids = [uuid.uuid4(), uuid.uuid4()]
    assert decode(encode(Array("uuid", ids)))[0].items == ids
    assert decode(encode(Array("long", [])))[0].items == []
    assert decode(encode(Described(ULong(0x24), [])))[0] == Described(0x24, [])


@given(st.binary(max_size=200))
@example(b"\x00" * 100)
@example(b"\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40")
@example(b"\xd0\xff\xff\xff\xff\xff\xff\xff\xff")
@example(b"\xd1\x00\x00\x00\x06\x00\x00\x00\x02\xc1\x01\x00\x40")
@example(b"\x73\xff\xff\xff\xff")
def test_no_bytes_do_more_than_raise(raw: bytes) -> None:
    for read in (decode, lambda data: skip(data, 0), parse, split_batch, _frames):
        with suppress(DecodeError):
            read(raw)


def _frames(raw: bytes) -> None:
    reader = FrameReader(4_096)
    reader.feed(raw)
    list(reader)


@given(
    st.dictionaries(st.text(min_size=1, max_size=10), plain, max_size=6),
    st.dictionaries(st.text(min_size=1, max_size=10), plain, max_size=3),
)
def test_splicing_properties_keeps_the_others(before: dict[str, Any], more: dict[str, Any]) -> None:
    message = with_application_properties(Message(), before)
    assert with_application_properties(message, more).application_properties() == {**before, **more}


def test_a_message_leaves_with_the_bytes_that_it_came_with() -> None:
    made = Message(
        durable=True, priority=7, ttl_ms=5, properties=Properties(message_id=uuid.uuid4())
    )
    made.raw_properties = made.properties.encoded()
    made = with_application_properties(made, {"t": Timestamp(5), "s": Symbol("x")})
    made.raw_body = encode(Described(ULong(0x75), b"a")) + encode(Described(ULong(0x75), b"b"))
    found = parse(sections.encoded(made, 3, {"x-opt-sequence-number": 9}))
    assert (found.durable, found.priority, found.ttl_ms, found.delivery_count) == (True, 7, 5, 3)
    assert found.annotations == {"x-opt-sequence-number": 9}
    assert found.raw_body == made.raw_body
    assert found.raw_application_properties == made.raw_application_properties
    assert found.properties == made.properties


def section(code: int, value: Any) -> bytes:
    return encode(Described(ULong(code), value))


@pytest.mark.parametrize(
    "raw",
    [
        section(0x70, [True, 1_000]),
        section(0x70, [True, -1]),
        section(0x70, [True, None, "x"]),
        section(0x70, [True, None, 2**32]),
        section(0x72, {"é": 1}),
        b"\x00\x53\x72\xc1\x09\x02\xa3\x01x\xe0\x03\x01\x56\x01",  # an array of booleans
        section(0x73, [1.5]),
        section(0x73, [None, "no bytes"]),
        section(0x73, [None] * 6 + ["é"]),
        section(0x73, [None] * 11 + [-1]),
        section(0x73, [None] * 8 + [ULong(2**63)]),
        b"\x00" * 5_000,
    ],
)
def test_what_could_not_be_passed_on_is_refused_when_it_comes(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        parse(raw)


@given(st.binary(max_size=120))
def test_what_is_taken_can_be_encoded(raw: bytes) -> None:
    for code in (0x70, 0x72, 0x73):
        with suppress(DecodeError):
            message = parse(b"\x00\x53" + bytes((code,)) + raw)
            assert sections.encoded(message, 1, message.annotations)
            assert message.properties.encoded()


def test_annotations_with_arrays_are_passed_on() -> None:
    noted = {"names": Array("symbol", [Symbol("a")]), "ids": Array("uuid", [uuid.uuid4()])}
    assert parse(sections.encoded(Message(), 0, noted)).annotations == noted

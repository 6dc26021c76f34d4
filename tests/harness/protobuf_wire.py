"""Protobuf's wire format by hand, so that tests state field numbers and do not trust our table.

``encode({1: "room", 2: 7, 3: {1: "text"}})`` gives bytes; ``decode`` gives a list of (number, value)
pairs, in which everything of variable length is bytes.
"""

from collections.abc import Mapping

type Value = int | str | bytes | Mapping[int, Value] | list[Value]

_VARINT, _LENGTH = 0, 2


def encode(fields: Mapping[int, Value]) -> bytes:
    """Return a message; a list is a repeated field."""
    parts = b""
    for number, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            parts += _field(number, item)
    return parts


def decode(message: bytes) -> list[tuple[int, int | bytes]]:
    """Return the fields of a message in their order."""
    fields: list[tuple[int, int | bytes]] = []
    position = 0
    while position < len(message):
        tag, position = _read_varint(message, position)
        value, position = _read_varint(message, position)
        if tag & 7 == _VARINT:
            fields.append((tag >> 3, value))
            continue
        assert tag & 7 == _LENGTH, f"wire type {tag & 7} at {position}"
        fields.append((tag >> 3, message[position : position + value]))
        position += value
    return fields


def only(message: int | bytes, number: int) -> int | bytes:
    """Return the one field of a message, which must have this number."""
    assert isinstance(message, bytes)
    [(found, value)] = decode(message)
    assert found == number, f"field {found}, expected {number}"
    return value


def _field(number: int, value: Value) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    if isinstance(value, str):
        data = value.encode()
    else:
        data = value if isinstance(value, bytes) else encode(dict(value))  # type: ignore[arg-type]  # not a list here
    return _varint(number << 3 | _LENGTH) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position

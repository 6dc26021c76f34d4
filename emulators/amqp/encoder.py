"""From values to bytes. Invariant: the smallest encoding of each type; what has none is an EncodeError."""

import struct
import uuid
from collections.abc import Callable
from typing import Any

from emulators.amqp.types import (
    Array,
    Described,
    Int,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
)

_U16, _U32, _U64 = struct.Struct(">H"), struct.Struct(">I"), struct.Struct(">Q")
_I32, _I64, _F64 = struct.Struct(">i"), struct.Struct(">q"), struct.Struct(">d")
_BYTE = 256
_SMALL = 128


class EncodeError(ValueError):
    """The value has no encoding: of a type that AMQP has not, or beyond its type's range."""


def encode(value: Any) -> bytes:
    """The bytes of a value. A plain int is a long, a dict a map, a list a list. Raises EncodeError."""
    try:
        return _encoded(value)
    except (LookupError, struct.error, UnicodeEncodeError, ValueError) as error:
        raise EncodeError(f"{type(value).__name__} cannot be encoded: {error}") from error


def _encoded(value: Any) -> bytes:
    return _WRITERS[type(value)](value)


def _uint(value: int) -> bytes:
    if value == 0:
        return b"\x43"
    return bytes((0x52, value)) if value < _BYTE else b"\x70" + _U32.pack(value)


def _ulong(value: int) -> bytes:
    if value == 0:
        return b"\x44"
    return bytes((0x53, value)) if value < _BYTE else b"\x80" + _U64.pack(value)


def _int(value: int) -> bytes:
    return bytes((0x54, value & 0xFF)) if -_SMALL <= value < _SMALL else b"\x71" + _I32.pack(value)


def _long(value: int) -> bytes:
    return bytes((0x55, value & 0xFF)) if -_SMALL <= value < _SMALL else b"\x81" + _I64.pack(value)


def _sized(raw: bytes, short: int, long: int) -> bytes:
    if len(raw) < _BYTE:
        return bytes((short, len(raw))) + raw
    return bytes((long,)) + _U32.pack(len(raw)) + raw


def _compound(items: list[bytes], short: int, long: int) -> bytes:
    body = b"".join(items)
    if len(body) < _BYTE - 1 and len(items) < _BYTE:
        return bytes((short, len(body) + 1, len(items))) + body
    return bytes((long,)) + _U32.pack(len(body) + 4) + _U32.pack(len(items)) + body


def _list(value: list[Any]) -> bytes:
    return _compound([_encoded(each) for each in value], 0xC0, 0xD0) if value else b"\x45"


def _map(value: dict[Any, Any]) -> bytes:
    pairs = [_encoded(each) for pair in value.items() for each in pair]
    return _compound(pairs, 0xC1, 0xD1)


def _described(value: Described) -> bytes:
    return b"\x00" + _encoded(value.descriptor) + _encoded(value.value)


# Of each kind: the constructor of the wide form, and how an item is written after it.
_ARRAYS: dict[str, tuple[int, Callable[[Any], bytes]]] = {
    "long": (0x81, _I64.pack),
    "timestamp": (0x83, _I64.pack),
    "uuid": (0x98, lambda item: item.bytes),
    "string": (0xB1, lambda item: _U32.pack(len(item.encode())) + item.encode()),
    "symbol": (0xB3, lambda item: _U32.pack(len(item)) + item.encode("ascii")),
}


def _array(value: Array) -> bytes:
    code, write = _ARRAYS[value.kind]
    body = bytes((code,)) + b"".join(write(item) for item in value.items)
    return b"\xf0" + _U32.pack(len(body) + 4) + _U32.pack(len(value.items)) + body


_WRITERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _value: b"\x40",
    bool: lambda value: b"\x41" if value else b"\x42",
    UByte: lambda value: bytes((0x50, value)),
    UShort: lambda value: b"\x60" + _U16.pack(value),
    UInt: _uint,
    ULong: _ulong,
    Int: _int,
    int: _long,
    float: lambda value: b"\x82" + _F64.pack(value),
    Timestamp: lambda value: b"\x83" + _I64.pack(value),
    uuid.UUID: lambda value: b"\x98" + value.bytes,
    bytes: lambda value: _sized(value, 0xA0, 0xB0),
    str: lambda value: _sized(value.encode(), 0xA1, 0xB1),
    Symbol: lambda value: _sized(value.encode("ascii"), 0xA3, 0xB3),
    list: _list,
    dict: _map,
    Described: _described,
    Array: _array,
}

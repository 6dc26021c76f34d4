"""From bytes to values.

Invariants: hostile input raises DecodeError and nothing else, never reads beyond its end, never recurses
deeper than a limit, and never makes more objects than it has bytes.
"""

import struct
import uuid
from collections.abc import Callable
from typing import Any

from emulators.amqp.types import Array, Described, Symbol, Timestamp, ULong

type Decoded = tuple[Any, int]

_MAX_DEPTH = 32
_U16, _U32, _U64 = struct.Struct(">H"), struct.Struct(">I"), struct.Struct(">Q")
_I16, _I32, _I64 = struct.Struct(">h"), struct.Struct(">i"), struct.Struct(">q")
_F32, _F64 = struct.Struct(">f"), struct.Struct(">d")
_WIDE = 4  # bytes of a 32-bit size or count


class DecodeError(ValueError):
    """The bytes are not what AMQP says that they should be."""


def decode(data: bytes, at: int = 0, depth: int = 0) -> Decoded:
    """The value that begins at `at`, and where the next one begins. Raises DecodeError."""
    try:
        return _decode(data, at, depth)
    except (IndexError, struct.error, UnicodeDecodeError, OverflowError) as error:
        raise DecodeError(f"the data end too early or are malformed: {error}") from error


def _decode(data: bytes, at: int, depth: int) -> Decoded:
    code = data[at]
    if code == 0:
        return _described(data, at + 1, depth)
    read = _READERS.get(code)
    if read is None:
        raise DecodeError(f"no AMQP type has the code 0x{code:02x}")
    return read(data, at + 1, depth)


def _described(data: bytes, at: int, depth: int) -> Decoded:
    if depth > _MAX_DEPTH:
        raise DecodeError("nested too deeply")
    descriptor, at = _decode(data, at, depth + 1)
    value, at = _decode(data, at, depth + 1)
    return Described(descriptor, value), at


def skip(data: bytes, at: int) -> int:
    """Where the value that begins at `at` ends, without decoding it. Raises DecodeError."""
    pending = 1
    try:
        while pending:
            if data[at] == 0:  # a descriptor and a value come instead of one value
                at, pending = at + 1, pending + 1
                if pending > _MAX_DEPTH:
                    raise DecodeError("nested too deeply")
            else:
                at, pending = _after(data, at), pending - 1
    except (IndexError, struct.error) as error:
        raise DecodeError("the data end too early") from error
    return at


def _after(data: bytes, at: int) -> int:
    category = data[at] >> 4
    if category in _FIXED:
        end = at + 1 + _FIXED[category]
    elif category in _SIZED:
        width = _SIZED[category]
        size = data[at + 1] if width == 1 else _U32.unpack_from(data, at + 1)[0]
        end = at + 1 + width + size
    else:
        raise DecodeError(f"no AMQP type has the code 0x{data[at]:02x}")
    if end > len(data):
        raise DecodeError("the data end too early")
    return end


_FIXED = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}
_SIZED = {0xA: 1, 0xB: 4, 0xC: 1, 0xD: 4, 0xE: 1, 0xF: 4}


def _constant(value: Any) -> Callable[[bytes, int, int], Decoded]:
    return lambda _data, at, _depth: (value, at)


def _fixed(
    layout: struct.Struct, make: Callable[[Any], Any] | None = None
) -> Callable[[bytes, int, int], Decoded]:
    width, unpack = layout.size, layout.unpack_from
    if make is None:
        return lambda data, at, _depth: (unpack(data, at)[0], at + width)
    return lambda data, at, _depth: (make(unpack(data, at)[0]), at + width)


def _byte(make: Callable[[int], Any]) -> Callable[[bytes, int, int], Decoded]:
    return lambda data, at, _depth: (make(data[at]), at + 1)


def _signed(value: int) -> int:
    return value - 256 if value > 127 else value  # noqa: PLR2004 - two's complement of a byte


def _boolean(value: int) -> bool:
    return value == 1


def _character(value: int) -> str:
    try:
        return chr(value)
    except ValueError as error:
        raise DecodeError("no character has this number") from error


def _bytes_of(width: int, make: Callable[[bytes], Any]) -> Callable[[bytes, int, int], Decoded]:
    def read(data: bytes, at: int, _depth: int) -> Decoded:
        size = data[at] if width == 1 else _U32.unpack_from(data, at)[0]
        end = at + width + size
        if end > len(data):
            raise DecodeError("the data end too early")
        return make(data[at + width : end]), end

    return read


def _uuid(data: bytes, at: int, _depth: int) -> Decoded:
    raw = data[at : at + 16]
    if len(raw) < 16:  # noqa: PLR2004 - the length of a UUID
        raise DecodeError("the data end too early")
    return uuid.UUID(bytes=bytes(raw)), at + 16


def _opaque(width: int) -> Callable[[bytes, int, int], Decoded]:
    """Decimals: passed on as bytes, since nothing here computes with them."""
    return lambda data, at, _depth: (bytes(data[at : at + width]), at + width)


def _text(raw: bytes) -> str:
    return str(raw, "utf-8")


def _symbol(raw: bytes) -> Symbol:
    return Symbol(str(raw, "ascii"))


def _compound(data: bytes, at: int, width: int) -> tuple[int, int, int]:
    """The count of a list, map or array, where its items begin, and where it ends."""
    unpack = _U32.unpack_from
    size, count = (
        (data[at], data[at + 1]) if width == 1 else (unpack(data, at)[0], unpack(data, at + 4)[0])
    )
    end = at + width + size
    if end > len(data) or size < width:
        raise DecodeError("the data end too early")
    return count, at + 2 * width, end


def _items(data: bytes, at: int, width: int, depth: int) -> tuple[list[Any], int]:
    if depth > _MAX_DEPTH:
        raise DecodeError("nested too deeply")
    count, at, end = _compound(data, at, width)
    if count > end - at:
        raise DecodeError("more items than bytes")
    items = []
    for _ in range(count):
        value, at = _decode(data, at, depth + 1)
        items.append(value)
    if at != end:
        raise DecodeError("a list or map is not as long as it says")
    return items, end


def _list(width: int) -> Callable[[bytes, int, int], Decoded]:
    return lambda data, at, depth: _items(data, at, width, depth)


def _map(width: int) -> Callable[[bytes, int, int], Decoded]:
    def read(data: bytes, at: int, depth: int) -> Decoded:
        items, end = _items(data, at, width, depth)
        if len(items) % 2:
            raise DecodeError("a map with a key that has no value")
        try:
            return dict(zip(items[::2], items[1::2], strict=True)), end
        except TypeError as error:
            raise DecodeError("a map's key is a list or a map") from error

    return read


def _array(width: int) -> Callable[[bytes, int, int], Decoded]:
    def read(data: bytes, at: int, depth: int) -> Decoded:
        if depth > _MAX_DEPTH:
            raise DecodeError("nested too deeply")
        count, at, end = _compound(data, at, width)
        if count > end - at:
            raise DecodeError("more items than bytes")
        return _array_items(data, at, count, depth), end

    return read


def _array_items(data: bytes, at: int, count: int, depth: int) -> Array:
    """Items share one constructor, which stands before them."""
    descriptor = None
    if data[at] == 0:
        descriptor, at = _decode(data, at + 1, depth + 1)
    code = data[at]
    read = _READERS.get(code)
    if read is None:
        raise DecodeError(f"no AMQP type has the code 0x{code:02x}")
    at += 1
    items = []
    for _ in range(count):
        value, at = read(data, at, depth + 1)
        items.append(value if descriptor is None else Described(descriptor, value))
    return Array("" if descriptor is not None else _ARRAY_KINDS.get(code, ""), items)


# What the encoder can write again; an array of anything else is read, and cannot be passed on.
_ARRAY_KINDS = {
    0x55: "long",
    0x81: "long",
    0x83: "timestamp",
    0x98: "uuid",
    0xA1: "string",
    0xB1: "string",
    0xA3: "symbol",
    0xB3: "symbol",
}


_READERS: dict[int, Callable[[bytes, int, int], Decoded]] = {
    0x40: _constant(None),
    0x41: _constant(value=True),
    0x42: _constant(value=False),
    0x43: _constant(0),
    0x44: _constant(ULong(0)),
    0x45: lambda _data, at, _depth: ([], at),
    0x50: _byte(int),
    0x51: _byte(_signed),
    0x52: _byte(int),
    0x53: _byte(ULong),
    0x54: _byte(_signed),
    0x55: _byte(_signed),
    0x56: _byte(_boolean),
    0x60: _fixed(_U16),
    0x61: _fixed(_I16),
    0x70: _fixed(_U32),
    0x71: _fixed(_I32),
    0x72: _fixed(_F32),
    0x73: _fixed(_U32, _character),
    0x74: _opaque(4),
    0x80: _fixed(_U64, ULong),
    0x81: _fixed(_I64),
    0x82: _fixed(_F64),
    0x83: _fixed(_I64, Timestamp),
    0x84: _opaque(8),
    0x94: _opaque(16),
    0x98: _uuid,
    0xA0: _bytes_of(1, bytes),
    0xA1: _bytes_of(1, _text),
    0xA3: _bytes_of(1, _symbol),
    0xB0: _bytes_of(_WIDE, bytes),
    0xB1: _bytes_of(_WIDE, _text),
    0xB3: _bytes_of(_WIDE, _symbol),
    0xC0: _list(1),
    0xC1: _map(1),
    0xD0: _list(_WIDE),
    0xD1: _map(_WIDE),
    0xE0: _array(1),
    0xF0: _array(_WIDE),
}

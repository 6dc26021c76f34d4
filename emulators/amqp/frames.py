"""Frames: how performatives are cut out of a stream of bytes, and put into one.

Invariant: a frame is at most as long as was agreed; anything else is a DecodeError and ends the
connection.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from emulators.amqp.decoder import DecodeError, decode
from emulators.amqp.encoder import encode
from emulators.amqp.performatives import Performative, performative

AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
HEADER_LENGTH = 8

AMQP_FRAME, SASL_FRAME = 0, 1
EMPTY_FRAME = b"\x00\x00\x00\x08\x02\x00\x00\x00"
"""A sign of life."""

_PREFIX = 8
_LEAST_OFFSET = 2  # in words of four bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; `body` is None when it is only a sign of life."""

    kind: int
    channel: int
    body: Performative | None
    payload: bytes


class FrameReader:
    """Cuts frames out of the bytes that arrive."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes."""
        self._data += data

    def take(self, count: int) -> bytes | None:
        """The next `count` bytes, when they are there: a protocol header."""
        if len(self._data) < count:
            return None
        taken = bytes(self._data[:count])
        del self._data[:count]
        return taken

    def __iter__(self) -> Iterator[Frame]:
        """Every whole frame that is there. Raises DecodeError."""
        while len(self._data) >= _PREFIX:
            size = int.from_bytes(self._data[:4])
            if not _PREFIX <= size <= self._max_size:
                raise DecodeError(f"a frame of {size} bytes, at most {self._max_size} were agreed")
            if len(self._data) < size:
                return
            raw = bytes(self._data[:size])
            del self._data[:size]
            yield _frame(raw)


def _frame(raw: bytes) -> Frame:
    offset, kind = raw[4], raw[5]
    if offset < _LEAST_OFFSET or 4 * offset > len(raw):
        raise DecodeError("a frame's body begins outside of it")
    if kind not in {AMQP_FRAME, SASL_FRAME}:
        raise DecodeError(f"no frame has the type {kind}")
    channel, body = int.from_bytes(raw[6:8]), raw[4 * offset :]
    if not body:
        return Frame(kind, channel, None, b"")
    value, end = decode(body)
    return Frame(kind, channel, performative(value), body[end:])


def frame(body: Performative, channel: int = 0, payload: bytes = b"") -> bytes:
    """The bytes of an AMQP frame."""
    return _encoded(AMQP_FRAME, channel, encode(body.described()) + payload)


def sasl_frame(body: Performative) -> bytes:
    """The bytes of a SASL frame."""
    return _encoded(SASL_FRAME, 0, encode(body.described()))


def _encoded(kind: int, channel: int, content: bytes) -> bytes:
    size = _PREFIX + len(content)
    return size.to_bytes(4) + bytes((_LEAST_OFFSET, kind)) + channel.to_bytes(2) + content

"""AMQP's types that Python does not tell apart.

Invariant: what is decoded and encoded again keeps its meaning; where the exact type matters (a message's
body and properties) the bytes are passed on and never decoded into these.
"""

from dataclasses import dataclass
from typing import Any


class Symbol(str):
    """A string of ASCII from a constrained domain."""

    __slots__ = ()


class Timestamp(int):
    """Milliseconds since the epoch."""


class UByte(int):
    """An unsigned byte."""


class UShort(int):
    """An unsigned short."""


class UInt(int):
    """An unsigned int."""


class ULong(int):
    """An unsigned long."""


class Int(int):
    """A signed 32-bit int; a plain int is a long."""


@dataclass(frozen=True, slots=True)
class Described:
    """A value with a descriptor, which is a number or a symbol."""

    descriptor: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Array:
    """Values of one AMQP type: `long`, `timestamp`, `symbol`, `string`, `uuid`, or "" for another."""

    kind: str
    items: list[Any]

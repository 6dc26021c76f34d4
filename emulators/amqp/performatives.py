"""The bodies of frames, as AMQP names them.

Invariant: what leaves carries every field of its list, also trailing nulls: versions of the Python SDK
before 7.15 read fields by position and fail on a shorter list. An error has all three of its fields.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from emulators.amqp.decoder import DecodeError
from emulators.amqp.types import Described, Symbol, UByte, UInt, ULong, UShort


@dataclass(slots=True)
class Performative:
    """The base: a described list. `CODE` is its descriptor, `TYPES` how each field is written."""

    CODE: ClassVar[int]
    TYPES: ClassVar[tuple[type | None, ...]] = ()

    def described(self) -> Described:
        """The value to encode."""
        names = _NAMES[type(self)]
        values = [
            value if value is None or wanted is None else wanted(value)
            for wanted, value in zip(
                self.TYPES, (getattr(self, name) for name in names), strict=True
            )
        ]
        return Described(ULong(self.CODE), values)


@dataclass(slots=True)
class Open(Performative):
    """A connection is opened."""

    CODE: ClassVar[int] = 0x10
    TYPES: ClassVar = (str, str, UInt, UShort, UInt, None, None, None, None, None)

    container_id: Any = None
    hostname: Any = None
    max_frame_size: Any = None
    channel_max: Any = None
    idle_time_out: Any = None
    outgoing_locales: Any = None
    incoming_locales: Any = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: Any = None


@dataclass(slots=True)
class Begin(Performative):
    """A session is begun."""

    CODE: ClassVar[int] = 0x11
    TYPES: ClassVar = (UShort, UInt, UInt, UInt, UInt, None, None, None)

    remote_channel: Any = None
    next_outgoing_id: Any = None
    incoming_window: Any = None
    outgoing_window: Any = None
    handle_max: Any = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: Any = None


@dataclass(slots=True)
class Attach(Performative):
    """A link is attached. `role` is true for a receiver."""

    CODE: ClassVar[int] = 0x12
    TYPES: ClassVar = (
        *(str, UInt, bool, UByte, UByte, None, None, None, bool, UInt, ULong, None, None, None),
    )

    name: Any = None
    handle: Any = None
    role: Any = None
    snd_settle_mode: Any = None
    rcv_settle_mode: Any = None
    source: Any = None
    target: Any = None
    unsettled: Any = None
    incomplete_unsettled: Any = None
    initial_delivery_count: Any = None
    max_message_size: Any = None
    offered_capabilities: Any = None
    desired_capabilities: Any = None
    properties: Any = None


@dataclass(slots=True)
class Flow(Performative):
    """Windows of a session, and the credit of a link when `handle` is given."""

    CODE: ClassVar[int] = 0x13
    TYPES: ClassVar = (UInt, UInt, UInt, UInt, UInt, UInt, UInt, UInt, bool, bool, None)

    next_incoming_id: Any = None
    incoming_window: Any = None
    next_outgoing_id: Any = None
    outgoing_window: Any = None
    handle: Any = None
    delivery_count: Any = None
    link_credit: Any = None
    available: Any = None
    drain: Any = None
    echo: Any = None
    properties: Any = None


@dataclass(slots=True)
class Transfer(Performative):
    """A message, or a part of one; its bytes follow in the frame."""

    CODE: ClassVar[int] = 0x14
    TYPES: ClassVar = (UInt, UInt, bytes, UInt, bool, bool, UByte, None, bool, bool, bool)

    handle: Any = None
    delivery_id: Any = None
    delivery_tag: Any = None
    message_format: Any = None
    settled: Any = None
    more: Any = None
    rcv_settle_mode: Any = None
    state: Any = None
    resume: Any = None
    aborted: Any = None
    batchable: Any = None


@dataclass(slots=True)
class Disposition(Performative):
    """What has become of deliveries. `role` is that of the sender of this frame: true for a receiver."""

    CODE: ClassVar[int] = 0x15
    TYPES: ClassVar = (bool, UInt, UInt, bool, None, bool)

    role: Any = None
    first: Any = None
    last: Any = None
    settled: Any = None
    state: Any = None
    batchable: Any = None


@dataclass(slots=True)
class Detach(Performative):
    """A link is detached."""

    CODE: ClassVar[int] = 0x16
    TYPES: ClassVar = (UInt, bool, None)

    handle: Any = None
    closed: Any = None
    error: Any = None


@dataclass(slots=True)
class End(Performative):
    """A session is ended."""

    CODE: ClassVar[int] = 0x17
    TYPES: ClassVar = (None,)

    error: Any = None


@dataclass(slots=True)
class Close(Performative):
    """A connection is closed."""

    CODE: ClassVar[int] = 0x18
    TYPES: ClassVar = (None,)

    error: Any = None


@dataclass(slots=True)
class SaslMechanisms(Performative):
    """What the server offers."""

    CODE: ClassVar[int] = 0x40
    TYPES: ClassVar = (None,)

    mechanisms: Any = None


@dataclass(slots=True)
class SaslInit(Performative):
    """What the client chose."""

    CODE: ClassVar[int] = 0x41
    TYPES: ClassVar = (Symbol, bytes, str)

    mechanism: Any = None
    initial_response: Any = None
    hostname: Any = None


@dataclass(slots=True)
class SaslOutcome(Performative):
    """How it ended; 0 is well."""

    CODE: ClassVar[int] = 0x44
    TYPES: ClassVar = (UByte, bytes)

    code: Any = None
    additional_data: Any = None


_ALL: tuple[type[Performative], ...] = (
    *(Open, Begin, Attach, Flow, Transfer, Disposition, Detach, End, Close),
    *(SaslMechanisms, SaslInit, SaslOutcome),
)
_NAMES = {kind: tuple(each.name for each in fields(kind)) for kind in _ALL}
_BY_CODE = {kind.CODE: kind for kind in _ALL}


def performative(value: Any) -> Performative:
    """The performative that a decoded value is. Raises DecodeError."""
    if not isinstance(value, Described) or not isinstance(value.value, list):
        raise DecodeError("a frame's body is no described list")
    kind = _BY_CODE.get(value.descriptor) if isinstance(value.descriptor, int) else None
    if kind is None:
        raise DecodeError("no performative has this descriptor")
    if len(value.value) > len(_NAMES[kind]):
        raise DecodeError(f"{kind.__name__} has too many fields")
    return kind(*value.value)


ACCEPTED, REJECTED, RELEASED, MODIFIED = 0x24, 0x25, 0x26, 0x27
_RECEIVED, _ERROR = 0x23, 0x1D


def accepted() -> Described:
    """The outcome of what was taken."""
    return Described(ULong(ACCEPTED), [])


def released() -> Described:
    """The outcome of what was given back unseen."""
    return Described(ULong(RELEASED), [])


def modified(*, failed: bool, undeliverable: bool) -> Described:
    """The outcome of what was abandoned, or deferred (undeliverable here)."""
    return Described(ULong(MODIFIED), [failed, undeliverable, None])


def rejected(condition: str | None = None, description: str = "") -> Described:
    """The outcome of what was refused; without a condition, of what was dead-lettered."""
    return Described(ULong(REJECTED), [error(condition, description) if condition else None])


def error(condition: str, description: str) -> Described:
    """An error; all three fields, since the Python SDK reads the third."""
    return Described(ULong(_ERROR), [Symbol(condition), description, {}])

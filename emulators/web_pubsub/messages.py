"""What travels: a typed payload, and a message that renders itself once per wire format.

Invariant: ``Content.payload`` is always the exact bytes (UTF-8 text, valid JSON text, or binary),
whichever door it came in by; and no message is serialised twice for the same wire format.
A message with a time to live carries the moment from which it must not be delivered any more.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, Protocol

from emulators.web_pubsub.wire import encode_frame

NEVER = math.inf
MAX_TTL_SECONDS = 300


class DataType(StrEnum):
    """How a payload is to be read."""

    TEXT = "text"
    JSON = "json"
    BINARY = "binary"
    PROTOBUF = "protobuf"


MEDIA_TYPES = {
    "text/plain": DataType.TEXT,
    "application/json": DataType.JSON,
    "application/octet-stream": DataType.BINARY,
    "application/x-protobuf": DataType.PROTOBUF,
}


@dataclass(frozen=True, slots=True)
class Content:
    """A payload with its type and the metadata that rides along."""

    data_type: DataType
    payload: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)


class Rendered:
    """One message in one wire format; the frame is encoded when first asked for."""

    __slots__ = ("_frame", "opcode", "payload")

    def __init__(self, opcode: int, payload: bytes) -> None:
        self.opcode = opcode
        self.payload = payload
        self._frame: bytes | None = None

    @property
    def frame(self) -> bytes:
        """The bytes for a socket that needs nothing of its own inside the frame."""
        if self._frame is None:
            self._frame = encode_frame(self.opcode, self.payload)
        return self._frame


class Renderer(Protocol):
    """The part of a codec that a message needs."""

    @property
    def wire_format(self) -> str:
        """Name shared by all codecs whose renderings are interchangeable."""
        ...

    def render(self, message: "Message") -> Rendered:
        """Return the message as this codec writes it, without a sequence id."""
        ...


class Message:
    """Content on its way to any number of connections; ``group`` is None when a server speaks."""

    __slots__ = ("_rendered", "content", "expires_at", "from_user_id", "group")

    def __init__(
        self,
        content: Content,
        *,
        group: str | None = None,
        from_user_id: str | None = None,
        expires_at: float = NEVER,
    ) -> None:
        self.content = content
        self.group = group
        self.from_user_id = from_user_id
        self.expires_at = expires_at
        self._rendered: dict[str, Rendered] = {}

    def rendered_by(self, renderer: Renderer) -> Rendered:
        """Return the rendering for this wire format, made at most once."""
        rendered = self._rendered.get(renderer.wire_format)
        if rendered is None:
            rendered = self._rendered[renderer.wire_format] = renderer.render(self)
        return rendered


# json.dumps and json.loads would make a new one for every frame that is not in the default style.
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def dump_json(value: Any) -> bytes:
    """Return compact JSON bytes."""
    return _encoder.encode(value).encode()


def load_json(
    text: str, *, pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None
) -> Any:
    """Return the value of strict JSON; ValueError for all else, however hostile.

    Python's reader also takes NaN, numbers too large for a float, half characters and
    nesting beyond its own stack; each would break a peer that we pass it on to.
    """
    try:
        value = _decoder(pairs_hook).decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if "\\ud" in text or "\\uD" in text:
        dump_json(value)  # UnicodeEncodeError is a ValueError
    return value


@cache
def _decoder(pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None) -> json.JSONDecoder:
    return json.JSONDecoder(
        parse_constant=_refuse_constant, parse_float=_finite_float, object_pairs_hook=pairs_hook
    )


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("number out of range")
    return number

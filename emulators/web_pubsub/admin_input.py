"""Reads what is asked of the admin API: faults, targets, closes, spans of time.

Invariant: what passes here can be done as it stands; what does not is an ``AdminError`` that names
the field and says what it must be.
"""

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from emulators.web_pubsub.durations import parse_duration
from emulators.web_pubsub.fault_kinds import Kind
from emulators.web_pubsub.faults import EVERY_HUB, Fault, Target
from emulators.web_pubsub.frame_kinds import ANY, KINDS
from emulators.web_pubsub.names import is_hub_name, is_text

MAX_DELAY_SECONDS = 600.0
MAX_COPIES = 100
MAX_COUNT = 10**9
_TARGET = ("hub", "group", "user", "connection")
_COMMON = (*_TARGET, "kind", "probability", "seed", "count", "duration")
_OWN = {
    Kind.DROP: ("frames",),
    Kind.DELAY: ("frames", "delay"),
    Kind.REORDER: ("frames",),
    Kind.DUPLICATE: ("frames", "copies"),
    Kind.REFUSE: ("status", "retryAfter"),
    Kind.REST: ("status", "retryAfter"),
}
# What RFC 6455 and its registry let a server send; 1004 to 1006 and 1015 never travel.
_CLOSE_CODES = (*range(1000, 1004), *range(1007, 1015), *range(3000, 5000))
DEFAULT_CLOSE_CODE = 1000

type Fields = Mapping[str, Any]


class AdminError(Exception):
    """A request that cannot be done."""

    def __init__(self, field: str, must: str, status: int = 400) -> None:
        super().__init__(f"{field} {must}")
        self.field = field
        self.status = status


@dataclass(frozen=True, slots=True)
class Close:
    """Whose sockets to close, and how."""

    target: Target
    code: int
    reason: str
    keep: bool


def read_fault(fields: Fields) -> Fault:
    """Return the fault that is asked for."""
    kind = _one_of(fields, "kind", list(Kind))
    _refuse_unknown(fields, (*_COMMON, *_OWN[kind]), f"is no option of {kind}")
    fault = Fault(kind, _target(fields))
    fault.probability = _number(fields, "probability", 1.0, 0, 1)
    fault.seed = _integer(fields, "seed", random.getrandbits(32), 0, 2**63)
    fault.left = _integer(fields, "count", 1, 1, MAX_COUNT) if "count" in fields else None
    fault.lasts_seconds = _span(fields, "duration") if "duration" in fields else None
    fault.frames = _frames(fields)
    fault.copies = _integer(fields, "copies", 2, 2, MAX_COPIES)
    fault.status = _integer(fields, "status", 503, 400, 599)
    fault.retry_after = (
        _integer(fields, "retryAfter", 0, 0, 86400) if "retryAfter" in fields else None
    )
    if kind is Kind.DELAY:
        fault.delay_seconds = _span(fields, "delay", MAX_DELAY_SECONDS)
    return fault


def fault_as_json(fault: Fault, state: str) -> dict[str, object]:
    """Return a fault as it is listed, with the names that it was asked for with."""
    target = {name: getattr(fault.target, name) for name in _TARGET}
    own: dict[str, object] = {
        "frames": sorted(fault.frames),
        "delay": fault.delay_seconds,
        "copies": fault.copies,
        "status": fault.status,
        "retryAfter": fault.retry_after,
    }
    listed: dict[str, object] = {
        "id": fault.id,
        "kind": fault.kind,
        "state": state,
        **target,
        "probability": fault.probability,
        "seed": fault.seed if fault.probability < 1 else None,
        "left": fault.left,
        "duration": fault.lasts_seconds,
        "struck": fault.struck,
        **{name: own[name] for name in _OWN[fault.kind]},
    }
    return {name: value for name, value in listed.items() if value is not None}


def read_target(fields: Fields) -> Target:
    """Return whom a request without options of its own is about."""
    _refuse_unknown(fields, _TARGET, "is unknown here")
    return _target(fields)


def read_close(fields: Fields) -> Close:
    """Return the close that is asked for."""
    _refuse_unknown(fields, (*_TARGET, "code", "reason", "keep"), "is unknown here")
    code = _integer(fields, "code", DEFAULT_CLOSE_CODE, 1000, 4999)
    if code not in _CLOSE_CODES:
        raise AdminError(
            "code", "must be one that a server may send: 1000-1003, 1007-1014, 3000-4999"
        )
    return Close(_target(fields), code, _text(fields, "reason") or "", _flag(fields, "keep"))


def read_advance(fields: Fields) -> float:
    """Return by how many seconds to advance the clock."""
    _refuse_unknown(fields, ("advance",), "is unknown here")
    return _span(fields, "advance")


def _target(fields: Fields) -> Target:
    hub = _text(fields, "hub")
    if hub is None or not (hub == EVERY_HUB or is_hub_name(hub)):
        raise AdminError("hub", f"must be a hub's name, or {EVERY_HUB} for all")
    group, user, connection = (_text(fields, name) for name in _TARGET[1:])
    return Target(hub.lower(), group, user, connection)


def _frames(fields: Fields) -> frozenset[str]:
    frames = fields.get("frames", ["message"])
    if frames in (ANY, [ANY]):
        return KINDS
    if not isinstance(frames, list) or not frames or not set(map(str, frames)) <= KINDS:
        raise AdminError("frames", f"must be a list of {', '.join(sorted(KINDS))}, or {ANY}")
    return frozenset(frames)


def _refuse_unknown(fields: Fields, known: Collection[str], why: str) -> None:
    for name in fields:
        if name not in known:
            raise AdminError(name, why)


def _one_of[T: str](fields: Fields, name: str, allowed: list[T]) -> T:
    for value in allowed:
        if fields.get(name) == value:
            return value
    raise AdminError(name, f"must be one of {', '.join(allowed)}")


def _text(fields: Fields, name: str) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value or not is_text(value):
        raise AdminError(name, "must be a string that is not empty")
    return value


def _flag(fields: Fields, name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise AdminError(name, "must be true or false")
    return value


def _number(fields: Fields, name: str, default: float, low: float, high: float) -> float:
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise AdminError(name, f"must be a number from {low:g} to {high:g}")
    return value


def _integer(fields: Fields, name: str, default: int, low: int, high: int) -> int:
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise AdminError(name, f"must be an integer from {low} to {high}")
    return value


def _span(fields: Fields, name: str, limit: float | None = None) -> float:
    try:
        seconds = parse_duration(str(fields.get(name)))
    except ValueError as error:
        raise AdminError(name, str(error)) from error
    if seconds <= 0 or (limit is not None and seconds > limit):
        raise AdminError(name, f"must be more than 0 and at most {limit or 'ten years'}")
    return seconds

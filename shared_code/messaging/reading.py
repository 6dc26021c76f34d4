"""From bytes to a typed event, or the reason why not.

Unreadable
├── oversize          larger than any event of ours
├── not_json
├── not_cloudevents   JSON, but not the envelope
├── unknown_type      an event that this consumer does not hear
├── newer_version     one that it hears, in a later version
└── schema_invalid    the envelope is fine, its data are not

Invariant: what cannot be read never can be: it is not tried again.
"""

import re

from pydantic import BaseModel, ConfigDict, ValidationError

from shared_code.messaging.envelope import Event, EventData
from shared_code.messaging.publish import MAX_EVENT_BYTES

# So few digits that each is a number: Python refuses to read one of thousands.
_VERSIONED = re.compile(r"(?P<name>.+)\.v(?P<version>[0-9]{1,9})")


class Unreadable(Exception):
    """The message is no event that the consumer can read. `reason` is a stable code."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class _Envelope(BaseModel):
    """As much of CloudEvents as tells whether the rest is worth reading."""

    model_config = ConfigDict(hide_input_in_errors=True)

    specversion: str
    id: str
    source: str
    type: str


def read[Data: EventData](body: bytes, data: type[Data]) -> Event[Data]:
    """The event in a message's body. Raises Unreadable."""
    if len(body) > MAX_EVENT_BYTES:
        raise Unreadable("oversize", f"{len(body)} bytes, at most {MAX_EVENT_BYTES} are read")
    _check_envelope(body, data.TYPE)
    try:
        event: Event[Data] = Event[data].model_validate_json(body)  # type: ignore[valid-type]  # a run-time parametrisation
    except ValidationError as error:
        in_data = any(each["loc"][:1] == ("data",) for each in error.errors(include_url=False))
        reason = "schema_invalid" if in_data else "not_cloudevents"
        raise Unreadable(reason, _summary(error)) from error
    return event


def _check_envelope(body: bytes, expected: str) -> None:
    try:
        envelope = _Envelope.model_validate_json(body)
    except ValidationError as error:
        broken = any(each["type"] == "json_invalid" for each in error.errors(include_url=False))
        raise Unreadable("not_json" if broken else "not_cloudevents", _summary(error)) from error
    if envelope.specversion != "1.0":
        raise Unreadable("not_cloudevents", "specversion is not 1.0")
    if envelope.type == expected:
        return
    reason = "newer_version" if _is_newer(envelope.type, expected) else "unknown_type"
    raise Unreadable(reason, f"{envelope.type[:200]}, where {expected} is heard")


def _is_newer(type_: str, expected: str) -> bool:
    found, known = _VERSIONED.fullmatch(type_), _VERSIONED.fullmatch(expected)
    if not found or not known or found["name"] != known["name"]:
        return False
    return int(found["version"]) > int(known["version"])


def _summary(error: ValidationError) -> str:
    """Where it is wrong and how, without the values: they may be anybody's secrets."""
    found = error.errors(include_url=False, include_input=False, include_context=False)[:5]
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or '(body)'}: {e['msg']}" for e in found)

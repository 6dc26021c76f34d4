"""host.json: the part of it that this host obeys, read once at start.

Invariant: a value that is present but not usable is an error that names it, never a silent default.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TIME_SPAN = re.compile(r"^(?:(\d+)\.)?(\d+):(\d{1,2})(?::(\d{1,2})(\.\d+)?)?$")
_DEFAULT_TIMEOUT = 30 * 60.0
_MAX_BATCH = 32


class HostJsonError(Exception):
    """host.json cannot be used; the message says what and where."""


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """`extensions.queues`."""

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout: float = 0.0
    base64: bool = True
    max_polling_interval: float = 60.0


@dataclass(frozen=True, slots=True)
class HostJson:
    """What an app's host.json asks of the host."""

    route_prefix: str = "api"
    function_timeout: float | None = _DEFAULT_TIMEOUT
    queues: QueueOptions = field(default_factory=QueueOptions)


def load(app: Path) -> HostJson:
    """Read host.json of an app directory.

    Raises:
        HostJsonError: if it is missing, of another version, or holds unusable values.
    """
    path = app / "host.json"
    if not path.exists():
        raise HostJsonError(f'{app} has no host.json (the least one is {{"version": "2.0"}})')
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise HostJsonError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(document, dict) or document.get("version") != "2.0":
        raise HostJsonError(f'{path} must say "version": "2.0"')
    return parse(document)


def parse(document: dict[str, Any]) -> HostJson:
    """Turn the JSON of a host.json into what the host obeys."""
    extensions = _object(document, "extensions")
    prefix = _object(extensions, "http").get("routePrefix", "api")
    return HostJson(
        route_prefix=str(prefix).strip("/"),
        function_timeout=_timeout(document.get("functionTimeout")),
        queues=_queues(_object(extensions, "queues")),
    )


def time_span(value: object, name: str) -> float:
    """Read a .NET TimeSpan (`hh:mm:ss`, `d.hh:mm:ss`) as seconds."""
    match = _TIME_SPAN.match(str(value))
    if match is None:
        raise HostJsonError(f'{name} must be a time like "00:05:00", not {value!r}')
    days, hours, minutes, seconds, fraction = match.groups()
    whole = int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)
    return whole + float(fraction or 0)


def _timeout(value: object) -> float | None:
    if value is None:
        return _DEFAULT_TIMEOUT
    if str(value) == "-1":
        return None
    if (seconds := time_span(value, "functionTimeout")) < 1:
        raise HostJsonError("functionTimeout must be at least one second, or -1 for none")
    return seconds


def _queues(section: dict[str, Any]) -> QueueOptions:
    batch = _whole(section, "batchSize", 16, 1, _MAX_BATCH)
    encoding = str(section.get("messageEncoding", "base64")).lower()
    if encoding not in {"base64", "none"}:
        raise HostJsonError(f'extensions.queues.messageEncoding is "base64" or "none": {encoding}')
    return QueueOptions(
        batch_size=batch,
        new_batch_threshold=_whole(section, "newBatchThreshold", batch // 2, 0, 10_000),
        max_dequeue_count=_whole(section, "maxDequeueCount", 5, 1, 10_000),
        visibility_timeout=_span(section, "visibilityTimeout", 0.0),
        base64=encoding == "base64",
        max_polling_interval=_span(section, "maxPollingInterval", 60.0),
    )


def _span(section: dict[str, Any], key: str, default: float) -> float:
    value = section.get(key)
    return default if value is None else time_span(value, f"extensions.queues.{key}")


def _whole(section: dict[str, Any], key: str, default: int, low: int, high: int) -> int:
    value = section.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise HostJsonError(f"extensions.queues.{key} must be between {low} and {high}: {value!r}")
    return value


def _object(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key, {})
    if not isinstance(value, dict):
        raise HostJsonError(f"{key} in host.json must be an object")
    return value

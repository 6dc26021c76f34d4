"""host.json: the part of it that this host obeys, read once at each start or reload.

Keys ignore case, and the settings `AzureFunctionsJobHost__a__b` lie over the file, as in .NET's
configuration. Invariant: a value that is present but not usable is an error that names it, never a
silent default.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from emulators.functions_host import host_json_keys

# .NET's TimeSpan.Parse: days alone, or [d.]hh:mm[:ss[.fraction]].
_TIME_SPAN = re.compile(
    r"(?P<days>\d+)|(?:(?P<d>\d+)\.)?(?P<h>\d{1,2}):(?P<m>\d{1,2})(?::(?P<s>\d{1,2})(?P<f>\.\d{1,7})?)?"
)
_TIME_PARTS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_MOST = {"h": 23, "m": 59, "s": 59}
_DEFAULT_TIMEOUT = 30 * 60.0
_MAX_BATCH = 32
_UNBOUNDED = -1
_CORES = os.process_cpu_count() or 1


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
class HttpOptions:
    """`extensions.http`; a limit of -1 is none, which is the default of dedicated plans."""

    route_prefix: str = "api"
    max_outstanding: int = _UNBOUNDED
    max_concurrent: int = _UNBOUNDED
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServiceBusOptions:
    """`extensions.serviceBus`; times in seconds."""

    auto_complete: bool = True
    prefetch_count: int = 0
    max_auto_lock_renewal: float = 300.0
    max_concurrent_calls: int = 16 * _CORES
    max_concurrent_sessions: int = 8
    max_concurrent_calls_per_session: int = 1
    max_batch: int = 1000
    min_batch: int = 1
    max_batch_wait: float = 30.0
    session_idle_timeout: float = 60.0

    def for_trigger(self, auto_complete: bool | None) -> "ServiceBusOptions":  # noqa: FBT001 - a setting that may be absent
        """Return the options of one trigger, which may say itself whether to complete."""
        return self if auto_complete is None else replace(self, auto_complete=auto_complete)


@dataclass(frozen=True, slots=True)
class HostJson:
    """What an app's host.json asks of the host."""

    function_timeout: float | None = _DEFAULT_TIMEOUT
    http: HttpOptions = field(default_factory=HttpOptions)
    queues: QueueOptions = field(default_factory=QueueOptions)
    service_bus: ServiceBusOptions = field(default_factory=ServiceBusOptions)
    functions: frozenset[str] | None = None
    retry: dict[str, Any] | None = None
    unknown_keys: tuple[str, ...] = ()
    document: dict[str, Any] = field(default_factory=dict)

    @property
    def route_prefix(self) -> str:
        """What every route begins with, without slashes."""
        return self.http.route_prefix

    def section(self, *path: str) -> dict[str, Any]:
        """Return an object of the document, keys in lower case; empty when it is not there."""
        found = self.document
        for key in path:
            found = _object(found, key)
        return found


def load(app: Path, settings: Mapping[str, str] | None = None) -> HostJson:
    """Read host.json of an app directory, under the settings that override it.

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
    if not isinstance(document, dict) or _fold(document).get("version") != "2.0":
        raise HostJsonError(f'{path} must say "version": "2.0"')
    return parse(document, settings)


def parse(document: dict[str, Any], settings: Mapping[str, str] | None = None) -> HostJson:
    """Turn the JSON of a host.json into what the host obeys."""
    folded = _fold(document)
    for path, value in host_json_keys.overrides(settings or {}):
        _override(folded, path, value)
    extensions = _object(folded, "extensions")
    names = folded.get("functions")
    if names is not None and not isinstance(names, list):
        raise HostJsonError("functions in host.json must be a list of names")
    return HostJson(
        function_timeout=_timeout(folded.get("functiontimeout")),
        http=_http(_object(extensions, "http")),
        queues=_queues(_object(extensions, "queues")),
        service_bus=_service_bus(_object(extensions, "servicebus")),
        functions=None if names is None else frozenset(str(name).lower() for name in names),
        retry=_retry(folded.get("retry")),
        unknown_keys=tuple(host_json_keys.unknown(document)),
        document=folded,
    )


def time_span(value: object, name: str) -> float:
    """Read a .NET TimeSpan (`hh:mm:ss`, `d.hh:mm:ss`, or whole days) as seconds."""
    match = _TIME_SPAN.fullmatch(str(value))
    if match is None or any(int(match[part] or 0) > most for part, most in _MOST.items()):
        raise HostJsonError(f'{name} must be a time like "00:05:00", not {value!r}')
    if match["days"]:
        return int(match["days"]) * 86400.0
    whole = sum(int(match[part] or 0) * seconds for part, seconds in _TIME_PARTS)
    return whole + float(match["f"] or 0)


def _timeout(value: object) -> float | None:
    if value is None:
        return _DEFAULT_TIMEOUT
    if str(value) == "-1":
        return None
    if (seconds := time_span(value, "functionTimeout")) < 1:
        raise HostJsonError("functionTimeout must be at least one second, or -1 for none")
    return seconds


def _http(section: dict[str, Any]) -> HttpOptions:
    name = "extensions.http"
    return HttpOptions(
        route_prefix=str(section.get("routeprefix", "api")).strip("/"),
        max_outstanding=_whole(section, name, "maxOutstandingRequests", (-1, -1, 2**31)),
        max_concurrent=_whole(section, name, "maxConcurrentRequests", (-1, -1, 2**31)),
        headers={key: str(text) for key, text in _object(section, "customheaders").items()},
    )


def _queues(section: dict[str, Any]) -> QueueOptions:
    name = "extensions.queues"
    batch = _whole(section, name, "batchSize", (16, 1, _MAX_BATCH))
    encoding = str(section.get("messageencoding", "base64")).lower()
    if encoding not in {"base64", "none"}:
        raise HostJsonError(f'{name}.messageEncoding is "base64" or "none": {encoding}')
    return QueueOptions(
        batch_size=batch,
        new_batch_threshold=_whole(section, name, "newBatchThreshold", (batch // 2, 0, 10_000)),
        max_dequeue_count=_whole(section, name, "maxDequeueCount", (5, 1, 10_000)),
        visibility_timeout=_span(section, name, "visibilityTimeout", 0.0),
        base64=encoding == "base64",
        max_polling_interval=_span(section, name, "maxPollingInterval", 60.0),
    )


def _service_bus(section: dict[str, Any]) -> ServiceBusOptions:
    name, most = "extensions.serviceBus", 2**31
    retries = _object(section, "clientretryoptions")
    try_timeout = _span(retries, f"{name}.clientRetryOptions", "tryTimeout", 60.0)
    calls = 16 * _CORES
    options = ServiceBusOptions(
        auto_complete=_truth(section, name, "autoCompleteMessages", default=True),
        prefetch_count=_whole(section, name, "prefetchCount", (0, 0, 50_000)),
        max_auto_lock_renewal=_span(section, name, "maxAutoLockRenewalDuration", 300.0),
        max_concurrent_calls=_whole(section, name, "maxConcurrentCalls", (calls, 1, most)),
        max_concurrent_sessions=_whole(section, name, "maxConcurrentSessions", (8, 1, most)),
        max_concurrent_calls_per_session=_whole(
            section, name, "maxConcurrentCallsPerSession", (1, 1, most)
        ),
        max_batch=_whole(section, name, "maxMessageBatchSize", (1000, 1, most)),
        min_batch=_whole(section, name, "minMessageBatchSize", (1, 1, most)),
        max_batch_wait=_span(section, name, "maxBatchWaitTime", 30.0),
        session_idle_timeout=_span(section, name, "sessionIdleTimeout", try_timeout),
    )
    if options.min_batch > options.max_batch:
        raise HostJsonError(f"{name}.minMessageBatchSize is over maxMessageBatchSize")
    return options


def _retry(section: object) -> dict[str, Any] | None:
    """Read `retry`, the policy of every function that has none of its own."""
    if section is None:
        return None
    if not isinstance(section, dict):
        raise HostJsonError("retry in host.json must be an object")
    strategy = str(section.get("strategy", "")).lower()
    if strategy not in {"fixeddelay", "exponentialbackoff"}:
        raise HostJsonError('retry.strategy is "fixedDelay" or "exponentialBackoff"')
    fixed = strategy == "fixeddelay"
    least, most = ("delayinterval",) * 2 if fixed else ("minimuminterval", "maximuminterval")
    return {
        "most": _whole(section, "retry", "maxRetryCount", (-1, -1, 2**31)),
        "exponential": not fixed,
        "least_delay": time_span(section.get(least), f"retry.{least}"),
        "most_delay": time_span(section.get(most), f"retry.{most}"),
    }


def _span(section: dict[str, Any], name: str, key: str, default: float) -> float:
    value = section.get(key.lower())
    return default if value is None else time_span(value, f"{name}.{key}")


def _truth(section: dict[str, Any], name: str, key: str, *, default: bool) -> bool:
    value = section.get(key.lower(), default)
    if not isinstance(value, bool):
        raise HostJsonError(f"{name}.{key} is true or false: {value!r}")
    return value


def _whole(section: dict[str, Any], name: str, key: str, bounds: tuple[int, int, int]) -> int:
    default, low, high = bounds
    value = section.get(key.lower(), default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise HostJsonError(f"{name}.{key} must be between {low} and {high}: {value!r}")
    return value


def _object(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key, {})
    if not isinstance(value, dict):
        raise HostJsonError(f"{key} in host.json must be an object")
    return value


def _fold(value: Any) -> Any:
    """Keys in lower case, all the way down."""
    if isinstance(value, dict):
        return {str(key).lower(): _fold(item) for key, item in value.items()}
    return [_fold(item) for item in value] if isinstance(value, list) else value


def _override(document: dict[str, Any], path: list[str], value: Any) -> None:
    """Lay one value over the document; numbers in the path count members of a list."""
    *parents, last = path
    for index, key in enumerate(parents):
        child_is_list = path[index + 1].isdigit()
        child = document.get(key)
        if child_is_list:
            items = child if isinstance(child, list) else []
            document[key] = [*items[: int(path[index + 1])], value]
            return
        if not isinstance(child, dict):
            child = document[key] = {}
        document = child
    document[last] = value

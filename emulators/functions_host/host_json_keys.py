"""Which keys host.json may have, and which settings stand for them.

Invariant: reports only. The real host ignores what it does not know, so a key that is missing here
is a line on the console and nothing else.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

PREFIX = "azurefunctionsjobhost__"

type _Known = dict[str, _Known] | None

_RETRY: _Known = dict.fromkeys(
    ["strategy", "maxRetryCount", "delayInterval", "minimumInterval", "maximumInterval"]
)
_HTTP: _Known = dict.fromkeys(
    [
        "routePrefix",
        "maxOutstandingRequests",
        "maxConcurrentRequests",
        "dynamicThrottlesEnabled",
        "hsts",
        "customHeaders",
    ]
)
_QUEUES: _Known = dict.fromkeys(
    [
        "batchSize",
        "newBatchThreshold",
        "maxDequeueCount",
        "visibilityTimeout",
        "messageEncoding",
        "maxPollingInterval",
    ]
)
_SERVICE_BUS: _Known = dict.fromkeys(
    [
        "autoCompleteMessages",
        "clientRetryOptions",
        "prefetchCount",
        "transportType",
        "webProxy",
        "maxAutoLockRenewalDuration",
        "maxConcurrentCalls",
        "maxConcurrentCallsPerSession",
        "maxConcurrentSessions",
        "maxMessageBatchSize",
        "minMessageBatchSize",
        "maxBatchWaitTime",
        "sessionIdleTimeout",
        "enableCrossEntityTransactions",
        "jsonSerializerSettings",
    ]
)
_EXTENSIONS: _Known = {
    "http": _HTTP,
    "queues": _QUEUES,
    "serviceBus": _SERVICE_BUS,
    "blobs": {"maxDegreeOfParallelism": None, "poisonBlobThreshold": None},
    **dict.fromkeys(
        ["cosmosDB", "durableTask", "eventGrid", "eventHubs", "kafka", "rabbitMQ", "redis"]
    ),
    **dict.fromkeys(
        ["sendGrid", "signalR", "sql", "mysql", "tables", "warmup", "webPubSub", "dapr"]
    ),
}
_KNOWN: _Known = {
    "version": None,
    "$schema": None,
    "extensionBundle": {"id": None, "version": None, "downloadPath": None},
    "extensions": _EXTENSIONS,
    "retry": _RETRY,
    **dict.fromkeys(["functionTimeout", "functions", "watchDirectories", "watchFiles"]),
    **dict.fromkeys(["singleton", "logging", "aggregator", "healthMonitor", "concurrency"]),
    **dict.fromkeys(["managedDependency", "managedDependencies", "customHandler", "telemetryMode"]),
    **dict.fromkeys(["sendCanceledInvocationsToWorker", "metadataProviderTimeout"]),
    **dict.fromkeys(["fileWatchingEnabled", "configurationProfile"]),
}


def overrides(settings: Mapping[str, str]) -> Iterator[tuple[list[str], Any]]:
    """Find the settings that override host.json: the path in lower case, and the value."""
    for name, text in sorted(settings.items()):
        folded = name.lower().replace(":", "__")
        if folded.startswith(PREFIX) and (path := folded.removeprefix(PREFIX)):
            yield path.split("__"), _typed(text)


def unknown(document: dict[str, Any]) -> Iterator[str]:
    """Describe each key that no part of the real host reads, with the likely spelling."""
    yield from _unknown(document, _KNOWN, "")


def _unknown(document: dict[str, Any], known: _Known, path: str) -> Iterator[str]:
    if known is None:
        return
    folded = {key.lower(): key for key in known}
    for key, value in document.items():
        if key.lower() not in folded:
            close = difflib.get_close_matches(key.lower(), folded, 1)
            yield f"{path}{key}" + (f" (did you mean {folded[close[0]]}?)" if close else "")
        elif isinstance(value, dict):
            yield from _unknown(value, known[folded[key.lower()]], f"{path}{key}.")


def _typed(text: str) -> Any:
    """A setting is text; numbers and truths in it are meant as such."""
    try:
        value = json.loads(text.lower() if text.lower() in {"true", "false"} else text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text

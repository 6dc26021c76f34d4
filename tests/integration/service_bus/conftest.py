"""A broker with entities of every kind, in memory, and the official SDK's client for it.

The SDK opens and closes links slowly, so the client, its senders and receivers are shared: each test uses
entities of its own, or leaves them empty.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient

from tests.harness.service_bus import Broker, broker, entities

RULE = {"Name": "r", "Properties": {"FilterType": "Sql", "SqlFilter": {"SqlExpression": "1=1"}}}


def sql(name: str, expression: str, action: str | None = None) -> dict[str, Any]:
    properties: dict[str, Any] = {"FilterType": "Sql", "SqlFilter": {"SqlExpression": expression}}
    if action:
        properties["Action"] = {"SqlExpression": action}
    return {"Name": name, "Properties": properties}


def correlation(name: str, **wanted: Any) -> dict[str, Any]:
    properties = {"FilterType": "Correlation", "CorrelationFilter": wanted}
    return {"Name": name, "Properties": properties}


def subscription(name: str, *rules: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {"Name": name, "Properties": properties, "Rules": list(rules)}


SESSIONS = {"RequiresSession": True}
SHORTLY_LOCKED = {**SESSIONS, "LockDuration": "PT5S"}
CONFIG = entities(
    {
        "plain": {"MaxDeliveryCount": 3},
        "batches": {},
        "locks": {"LockDuration": "PT5S", "MaxDeliveryCount": 2},
        "expiring": {"DeadLetteringOnMessageExpiration": True},
        "forgetting": {},
        "scheduled": {},
        "deferred": {},
        "peeked": {},
        "values": {},
        "large": {},
        "unique": {
            "RequiresDuplicateDetection": True,
            "DuplicateDetectionHistoryTimeWindow": "PT5S",
        },
        "sessions": SESSIONS,
        "states": SESSIONS,
        "turns": SESSIONS,
        "lost": SHORTLY_LOCKED,
        "forwarding": {"ForwardTo": "target"},
        "burying": {"MaxDeliveryCount": 1, "ForwardDeadLetteredMessagesTo": "graveyard"},
        "target": {},
        "graveyard": {},
        "pair1": {},
        "pair10": {},
        "aio": {},
        "js": {"MaxDeliveryCount": 2},
        "js-sessions": SESSIONS,
    },
    {
        "news": [
            subscription("all"),
            subscription("red", sql("r", "color = 'red' AND size > 3")),
            subscription("labels", correlation("r", Label="hot", Properties={"n": 7})),
            subscription("forwarded", RULE, ForwardTo="target"),
            subscription("needs-session", RULE, RequiresSession=True),
        ],
        "edited": [
            subscription("all"),
            subscription(
                "changed",
                sql("r", "1=1", "SET seen = TRUE; SET sys.Label = 'new'; REMOVE size"),
            ),
        ],
        "js-topic": [subscription("js-sub")],
    },
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker(tmp_path_factory.mktemp("broker"), CONFIG, "--memory") as found:
        yield found


@pytest.fixture(scope="module")
def client(running: Broker) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(running.connection_string()) as found:
        yield found

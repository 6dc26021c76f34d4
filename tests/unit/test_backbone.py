"""What the backbone's parts must agree on: entities and topology, fault points and code."""

import json
import re
from pathlib import Path
from typing import Any

from emulators.service_bus.config import load
from shared_code.faults import POINTS
from shared_code.messaging import CONSUMERS, QUEUES, TOPIC

ROOT = Path(__file__).parents[2]
ENTITIES = ROOT / "infra" / "service-bus.json"


def namespace() -> Any:
    return json.loads(ENTITIES.read_text())["UserConfig"]["Namespaces"][0]


def test_the_entities_are_what_the_official_format_allows() -> None:
    config = load(ENTITIES)
    assert [queue.name for queue in config.queues] == list(QUEUES)
    assert [topic.name for topic in config.topics] == [TOPIC]


def test_every_consumer_has_its_queue_and_a_subscription_that_forwards_to_it() -> None:
    queues = {each["Name"]: each["Properties"] for each in namespace()["Queues"]}
    [topic] = namespace()["Topics"]
    subscriptions = {each["Name"]: each for each in topic["Subscriptions"]}
    assert set(queues) == set(subscriptions) == set(QUEUES)
    for consumer in CONSUMERS:
        assert queues[consumer.queue]["RequiresSession"] is consumer.sessions
        subscription = subscriptions[consumer.queue]
        assert subscription["Properties"]["ForwardTo"] == consumer.queue
        [rule] = subscription["Rules"]
        wanted = {"type": consumer.types[0]}
        if consumer.only_access_changes:
            wanted["access"] = "changed"
        assert rule["Properties"]["CorrelationFilter"] == {"Properties": wanted}


def test_what_nobody_took_in_time_goes_to_the_dead_letters() -> None:
    """The official emulator's format caps the time to live at an hour."""
    everything = [*namespace()["Queues"], *namespace()["Topics"][0]["Subscriptions"]]
    assert all(each["Properties"]["DeadLetteringOnMessageExpiration"] for each in everything)


def test_every_fault_point_in_the_code_is_listed_and_every_listed_one_is_in_the_code() -> None:
    sources = [path for top in ("functions", "shared_code") for path in (ROOT / top).rglob("*.py")]
    found = re.findall(r'fault_point\("([\w.]+)"\)', "\n".join(map(Path.read_text, sources)))
    assert set(found) == set(POINTS)
    twice = {each for each in found if found.count(each) > 1}
    assert twice == {"chat.before_index"}, "two functions write the list of rooms"
    assert len(found) == len(POINTS) + len(twice), "each of all others at one place"

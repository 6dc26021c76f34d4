"""Another language exchanges events with Atrium both ways, by the contracts and Microsoft's own package.

The stack gets one more queue, which a consumer in Node listens to; a producer in Node asks for messages.
"""

import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from shared_code.ids import new_id
from tests.contract.contracts import CONTRACTS
from tests.harness.api import Api, User
from tests.harness.bus import dead_letters
from tests.harness.stack import REPOSITORY, Stack, running
from tests.harness.waiting import until_async

pytestmark = pytest.mark.long  # together they take minutes

SCRIPTS = Path(__file__).parent / "js"
QUEUE = "node-consumer"
PATIENCE = 100.0  # a message that could not be given back comes after its lock, a minute


def with_one_more_queue() -> dict[str, Any]:
    """The app's entities, and a consumer's queue as another team would add it."""
    config: dict[str, Any] = json.loads((REPOSITORY / "infra/service-bus.json").read_text())
    [namespace] = config["UserConfig"]["Namespaces"]
    namespace["Queues"].append({"Name": QUEUE})
    [topic] = namespace["Topics"]
    projector = next(each for each in topic["Subscriptions"] if each["Name"] == "chat-projector")
    mine = json.loads(json.dumps(projector))
    mine["Name"] = mine["Properties"]["ForwardTo"] = QUEUE
    topic["Subscriptions"].append(mine)
    return config


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("node")
    entities = directory / "service-bus.json"
    entities.write_text(json.dumps(with_one_more_queue()))
    with running(directory, "--service-bus-config", str(entities)) as found:
        yield found


@dataclass
class Consumer:
    """The consumer in Node, and the events that it took."""

    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list)
    _lines: "queue.Queue[str]" = field(default_factory=queue.Queue)

    def read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)

    def entries(self, room_id: str) -> list[dict[str, Any]]:
        """The entries of a room that it was told of."""
        while not self._lines.empty():
            self.events.append(json.loads(self._lines.get()))
        mine = [event for event in self.events if event["subject"] == room_id]
        return [entry for event in mine for entry in event["data"]["entries"]]


@pytest.fixture(scope="module")
def consumer(stack: Stack) -> Iterator[Consumer]:
    process = subprocess.Popen(
        ["node", str(SCRIPTS / "consumer.mjs"), stack.service_bus, QUEUE, str(CONTRACTS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        made = Consumer(process)
        threading.Thread(target=made.read, daemon=True).start()
        yield made
        process.kill()


def produce(stack: Stack, event: dict[str, Any]) -> None:
    subprocess.run(
        ["node", str(SCRIPTS / "producer.mjs"), stack.service_bus],
        input=json.dumps(event),
        text=True,
        check=True,
        timeout=60,
    )


def request(room: str, author: User, **data: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (CONTRACTS / "samples/atrium.chat.message_requested.v1/valid-message.json").read_text()
    )
    wanted = {"room_id": room, "author_id": author.id, "client_id": "from-node", **data}
    return {**found, "id": new_id("evt"), "subject": room, "data": found["data"] | wanted}


@pytest.fixture
async def api(stack: Stack) -> Any:
    async with aiohttp.ClientSession() as session:
        yield Api(session, stack.functions)


async def test_what_node_asks_for_is_posted_once_and_what_is_posted_reaches_node(
    stack: Stack, consumer: Consumer, api: Api
) -> None:
    ada = await api.user()
    room_id = await api.room(ada)
    by_http = await api.send(ada, room_id, "from Python")
    event = request(room_id, ada, text="from Node")
    produce(stack, event)
    produce(stack, {**event, "id": new_id("evt")})  # asked for twice under one client id

    async def told() -> bool:
        texts = [each["data"].get("text") for each in consumer.entries(room_id)]
        return {"from Python", "from Node"} <= set(texts)

    await until_async(told, f"Node hears both: {consumer.events}", PATIENCE)
    log = await api.log(ada, room_id)
    posted = [each["data"] for each in log if each["data"].get("client_id") == "from-node"]
    assert [each["text"] for each in posted] == ["from Node"]
    assert posted[0]["author_id"] == ada.id
    heard = {each["seq"]: each for each in consumer.entries(room_id)}
    assert heard[by_http["seq"]]["data"] == by_http


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"text": ""}, "schema_invalid"),
        ({"text": 7}, "schema_invalid"),
        ({"author_id": new_id("usr")}, "refused"),
        ({"room_id": new_id("rm")}, "refused"),
    ],
)
async def test_what_cannot_be_posted_lies_in_the_dead_letters_and_the_rest_goes_on(
    stack: Stack, api: Api, data: dict[str, Any], reason: str
) -> None:
    ada = await api.user()
    room_id = await api.room(ada)
    event = request(room_id, ada, **data)
    produce(stack, event)
    produce(stack, request(room_id, ada, text="and on"))

    async def dead() -> Any:
        return [
            each for each in await dead_letters(stack, "chat-messages") if event["id"] in each.id
        ]

    [letter] = await until_async(dead, f"{reason} in the dead letters", PATIENCE)
    assert letter.properties["failure_reason"] == reason
    if reason == "refused":

        async def posted() -> bool:
            return any(each["data"].get("text") == "and on" for each in await api.log(ada, room_id))

        await until_async(posted, "the next message is posted", PATIENCE)

"""A worker dies by SIGKILL at every named point; whatever was committed has its effect, and once.

Two workers run; the one that comes to the armed point first is killed there, in the middle of real work:
people join, talk, leave, a bot asks for a message, an event that must be refused arrives. Afterwards every
log, list, projection and cursor is as if nothing had happened, and every frame has arrived.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import aiohttp
import pytest
from azure.data.tables.aio import TableServiceClient
from azure.servicebus.aio import ServiceBusClient

from shared_code.faults import POINTS
from shared_code.ids import new_id
from tests.harness.api import Api, Ear, User, until_good, until_sent
from tests.harness.bus import bus, dead_letters, publish
from tests.harness.faults import PATIENCE, Place, place_for_faults
from tests.harness.stack import Stack
from tests.harness.waiting import until_async

SLOW = "walker.before_delete"  # a mark is deleted when it is ten minutes old
# Those of files have a test of their own: tests/e2e/files/test_dying_checks.py.
OF_MESSAGES = {each for each in POINTS if not each.startswith("files.")}
NEEDS_A_LOST_HINT = {"walker.before_tell", "walker.after_tell"}
LOG = "atrium.chat.room_log_appended.v1"
REQUEST = "atrium.chat.message_requested.v1"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    faults = tmp_path_factory.mktemp("faults")
    with place_for_faults(tmp_path_factory.mktemp("killed"), faults) as found:
        yield found


def envelope(type_: str, subject: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": new_id("evt"),
        "source": "/tests",
        "type": type_,
        "subject": subject,
        "time": "2026-11-26T10:11:12.123Z",
        "datacontenttype": "application/json",
        "access": "changed",
        "data": data,
    }


def asked_for(room_id: str, author: User, text: str) -> dict[str, Any]:
    data = {"room_id": room_id, "author_id": author.id, "text": text, "client_id": f"bot-{text}"}
    return envelope(REQUEST, room_id, data)


def of_no_room() -> dict[str, Any]:
    """An event that a rule refuses: its room is not there."""
    room_id, user_id = new_id("rm"), new_id("usr")
    at = "2026-11-26T10:11:12.123Z"
    data = {"user_id": user_id, "role": "member"}
    entry = {"type": "member.joined", "room_id": room_id, "seq": 1, "at": at, "data": data}
    body = {"room_id": room_id, "first_seq": 1, "last_seq": 1, "entries": [entry]}
    return envelope(LOG, room_id, body)


async def work(api: Api, client: ServiceBusClient, room_id: str, people: list[User]) -> list[str]:
    """What happens while a worker dies; the client ids of all that was accepted."""
    ada, grace, late = people
    said = []

    async def talk(user: User) -> None:
        for n in range(5):
            client_id = f"{user.id}-{n}"
            await until_sent(api, user, room_id, {"text": f"text {n}", "client_id": client_id})
            said.append(client_id)

    talks = [asyncio.create_task(talk(user)) for user in (ada, grace)]
    await publish(client, asked_for(room_id, grace, "asked"), f"{room_id}/{grace.id}")
    await publish(client, of_no_room(), "nobody")
    for what in ("join", "leave", "join"):
        await until_good(api, "POST", f"rooms/{room_id}/{what}", late)
    another = {"name": "Another", "kind": "private"}
    key = {"Idempotency-Key": room_id}
    await until_good(api, "POST", "rooms", grace, json=another, headers=key)
    await asyncio.gather(*talks)
    return [*said, "bot-asked"]


async def hears(api: Api, user: User, room_id: str, ear: Ear) -> int:
    """Talk until the user hears the room: the bus tells the hub of a new member a moment later."""
    while True:
        message = await api.send(user, room_id, "Can I hear myself?")
        with suppress(TimeoutError):
            return int((await ear.frame(room_id, message["seq"], limit=1))["seq"])


async def check(place: Place, api: Api, room_id: str, people: list[User], said: list[str]) -> None:
    """Everything is as if nobody had died."""
    ada, grace, late = people

    async def whole() -> list[Any]:
        log = await api.log(ada, room_id)
        ids = [e["data"]["client_id"] for e in log if e["type"] == "message.sent"]
        return log if set(said) <= set(ids) else []

    log = await until_async(whole, "all messages are in the log", PATIENCE)
    assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
    ids = [e["data"]["client_id"] for e in log if e["type"] == "message.sent"]
    assert sorted(each for each in ids if not each.startswith("cli_")) == sorted(said), "each once"
    tables = TableServiceClient.from_connection_string(place.stack.storage)
    async with tables:
        await until_async(lambda: _is_told(tables, room_id, len(log)), "all is told", PATIENCE)
        for user in (ada, grace, late):
            await until_async(
                partial(_may_hear, tables, user, room_id), "access is known", PATIENCE
            )
    for user in (ada, grace, late):
        rooms = [room["id"] for room in (await api.good("GET", "rooms", user))["items"]]
        assert room_id in rooms
        assert len(rooms) == (2 if user is grace else 1)


async def _is_told(tables: TableServiceClient, room_id: str, last_seq: int) -> bool:
    rows = tables.get_table_client("chatrooms")
    query = "PartitionKey eq @room and RowKey eq 'cursor'"
    found = [row async for row in rows.query_entities(query, parameters={"room": room_id})]
    return bool(found) and int(getattr(found[0]["seq"], "value", found[0]["seq"])) == last_seq


async def _may_hear(tables: TableServiceClient, user: User, room_id: str) -> bool:
    rows = tables.get_table_client("realtimeaccess")
    query = "PartitionKey eq @user and RowKey eq @room"
    parameters = {"user": user.id, "room": room_id}
    return any([row["allowed"] async for row in rows.query_entities(query, parameters=parameters)])


async def kill_at(place: Place, point: str) -> None:
    """Let a worker die at the point while people work, and check what is left."""
    place.disarm()
    before = place.hits(point)
    await place.until_two_workers()
    async with aiohttp.ClientSession() as session, bus(place.stack) as client:
        api = Api(session, place.stack.functions)
        people = [await api.user(name) for name in ("Ada", "Grace", "Late")]
        room_id = await api.room(*people[:2])
        async with api.listening(people[0]) as ear:
            heard_from = await hears(api, people[0], room_id, ear)
            if point in NEEDS_A_LOST_HINT:
                place.arm("publish.before_send")
            place.arm(point)
            said = await work(api, client, room_id, people)

            await place.until_hit(point, before)
            await place.until_two_workers()
            await check(place, api, room_id, people, said)
            log = await api.log(people[0], room_id)
            await ear.frames_of(room_id, range(heard_from, len(log) + 1), PATIENCE)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", sorted(OF_MESSAGES - {SLOW}))
async def test_a_death_at_this_point_loses_and_doubles_nothing(place: Place, point: str) -> None:
    await kill_at(place, point)


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_a_death_while_an_old_mark_is_deleted_loses_nothing(place: Place) -> None:
    place.disarm()
    before = place.hits(SLOW)
    async with aiohttp.ClientSession() as session:
        api = Api(session, place.stack.functions)
        await api.room(await api.user())
        place.arm(SLOW)

        await place.until_hit(SLOW, before, 780)
    # Whoever was signed in then is not any more; what comes next must go as ever.
    await kill_at(place, "chat.after_commit")


@pytest.mark.long
async def test_what_was_refused_lies_in_the_dead_letters(stack: Stack) -> None:
    event = of_no_room()
    async with bus(stack) as client:
        await publish(client, event, "nobody")

    async def found() -> list[Any]:
        letters = await dead_letters(stack, "chat-projector")
        return [each for each in letters if event["id"] in each.id]

    [letter] = await until_async(found, "the refused event is dead", PATIENCE)
    assert letter.properties["failure_reason"] == "refused"
    assert letter.properties["failure_message"].startswith("room_not_found")
    assert json.loads(letter.body) == event

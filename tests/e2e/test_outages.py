"""The bus, the hub and the store go away and come back: nothing that was accepted is lost.

Each test has a stack of its own, with its data on disk, and stops one part in the middle of work.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from shared_code.ids import new_id
from tests.harness.api import Api, Ear, User, until_good, until_sent
from tests.harness.bus import bus, dead_letters, publish
from tests.harness.stack import Stack, process_of, running
from tests.harness.waiting import until_async

PATIENCE = 90.0


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running(tmp_path, memory=False) as found:
        yield found


async def hears(api: Api, user: User, room_id: str, ear: Ear) -> int:
    """Talk until the user hears the room; the seq that was heard."""
    while True:
        message = await api.send(user, room_id, "Can I hear myself?")
        try:
            return int((await ear.frame(room_id, message["seq"], limit=2))["seq"])
        except TimeoutError:
            continue


async def readiness(stack: Stack) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{stack.functions}/api/ready") as answer,
    ):
        return answer.status, await answer.json(content_type=None)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_without_the_bus_what_needs_only_storage_works_and_its_events_leave_later(
    stack: Stack,
) -> None:
    async with aiohttp.ClientSession() as session:
        api = Api(session, stack.functions)
        ada, grace = await api.user(), await api.user("Grace")
        room_id = await api.room(ada)
        async with api.listening(ada) as ear:
            first = await hears(api, ada, room_id, ear)
            broker = process_of(stack, "service_bus")
            os.kill(broker, signal.SIGSTOP)
            try:
                sent = [(await api.send(ada, room_id, f"without {n}"))["seq"] for n in range(5)]
                await api.good("POST", f"rooms/{room_id}/join", grace)
                await api.good("POST", "rooms", grace, json={"name": "Mine", "kind": "private"})
                scheduled = {"text": "later", "send_at": "2099-01-01T00:00:00.000Z"}
                refused = await api.call(
                    "POST", f"rooms/{room_id}/scheduled-messages", ada, json=scheduled
                )
                assert refused.status == 422, "too far ahead is said before the bus is asked"

                async def says() -> bool:
                    status, body = await readiness(stack)
                    return status == 503 and "service_bus" in str(body)

                await until_async(says, "readiness names the bus", 30)
            finally:
                os.kill(broker, signal.SIGCONT)
            await ear.frames_of(room_id, range(first, max(sent) + 1), PATIENCE)

            async def is_ready() -> bool:
                return (await readiness(stack))[0] == 200

            await until_async(is_ready, "ready again", PATIENCE)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_killed_broker_comes_back_with_all_that_it_had(stack: Stack) -> None:
    async with aiohttp.ClientSession() as session:
        api = Api(session, stack.functions)
        ada = await api.user()
        room_id = await api.room(ada)
        async with api.listening(ada) as ear:
            first = await hears(api, ada, room_id, ear)
            last = first
            for n in range(40):
                body: dict[str, object] = {"text": f"text {n}", "client_id": f"c-{n}"}
                last = await until_sent(api, ada, room_id, body)
                if n in {5, 20}:
                    killed = process_of(stack, "service_bus")
                    os.kill(killed, signal.SIGKILL)

                    async def is_back(killed: int = killed) -> bool:
                        try:
                            return process_of(stack, "service_bus") != killed
                        except ValueError:
                            return False

                    await until_async(is_back, "the supervisor starts it again", 60)
            await ear.frames_of(room_id, range(first, last + 1), PATIENCE)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_while_the_hub_is_away_nothing_fails_and_frames_come_when_it_is_back(
    stack: Stack,
) -> None:
    async with aiohttp.ClientSession() as session:
        api = Api(session, stack.functions)
        ada = await api.user()
        room_id = await api.room(ada)
        async with api.listening(ada) as ear:
            first = await hears(api, ada, room_id, ear)
            hub = process_of(stack, "web_pubsub")
            os.kill(hub, signal.SIGSTOP)
            try:
                sent = [(await api.send(ada, room_id, f"unheard {n}"))["seq"] for n in range(5)]
            finally:
                os.kill(hub, signal.SIGCONT)
            await ear.frames_of(room_id, range(first, max(sent) + 1), PATIENCE)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_while_the_store_is_away_requests_say_so_and_afterwards_all_is_told(
    stack: Stack,
) -> None:
    async with aiohttp.ClientSession() as session:
        api = Api(session, stack.functions)
        ada = await api.user()
        room_id = await api.room(ada)
        async with api.listening(ada) as ear:
            first = await hears(api, ada, room_id, ear)
            azurite = _azurite(stack)
            os.kill(azurite, signal.SIGSTOP)
            try:
                body: dict[str, object] = {"text": "in the dark", "client_id": "dark"}
                answer = await api.call("POST", f"rooms/{room_id}/messages", ada, json=body)
                assert (answer.status, answer.code) == (503, "room_busy")
            finally:
                os.kill(azurite, signal.SIGCONT)
            last = await until_sent(api, ada, room_id, body)
            await until_good(api, "POST", f"rooms/{room_id}/join", await api.user("Grace"))
            await ear.frames_of(room_id, range(first, last + 1), PATIENCE)
            log = await api.log(ada, room_id)
            assert [e["data"].get("client_id") for e in log].count("dark") == 1


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_while_the_store_is_away_what_bots_ask_for_waits_and_is_then_posted_in_its_order(
    stack: Stack,
) -> None:
    """Away long enough for ten deliveries, if each were given back at once: none may die of that."""
    async with aiohttp.ClientSession() as session, bus(stack) as client:
        api = Api(session, stack.functions)
        ada = await api.user()
        room_id = await api.room(ada)
        asked = [f"asked {n}" for n in range(12)]
        await publish(client, _asked_for(room_id, ada, asked[0]), f"{room_id}/{ada.id}")
        azurite = _azurite(stack)

        async def posted() -> list[str]:
            texts = [entry["data"].get("text") for entry in await api.log(ada, room_id)]
            return [text for text in texts if text in asked]

        async def has(count: int) -> bool:
            return len(await posted()) >= count

        await until_async(lambda: has(1), "the first is posted", PATIENCE)
        os.kill(azurite, signal.SIGSTOP)
        try:
            for text in asked[1:]:
                await publish(client, _asked_for(room_id, ada, text), f"{room_id}/{ada.id}")

            async def has_tried() -> bool:
                return stack.log("functions_host").count("its waiting list does not answer") >= 4

            await until_async(has_tried, "the consumer has waited for its store", PATIENCE)
        finally:
            os.kill(azurite, signal.SIGCONT)
        await until_async(lambda: has(len(asked)), "all are posted", PATIENCE)
        assert await posted() == asked
        assert await dead_letters(stack, "chat-messages") == []


def _asked_for(room_id: str, author: User, text: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": new_id("evt"),
        "source": "/tests",
        "type": "atrium.chat.message_requested.v1",
        "subject": room_id,
        "time": "2026-11-26T10:11:12.123Z",
        "datacontenttype": "application/json",
        "access": "same",
        "data": {
            "room_id": room_id,
            "author_id": author.id,
            "text": text,
            "client_id": new_id("cli"),
        },
    }


def _azurite(stack: Stack) -> int:
    port = stack.table.partition("://")[2].partition(":")[2].partition("/")[0]
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if "azurite.js" in command and f"--tablePort {port} " in command:
                return int(path.name)
    raise AssertionError("no Azurite")

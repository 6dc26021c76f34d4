"""Working with dead letters as an admin does: over HTTP, and from the command line."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from shared_code.ids import new_id
from tests.contract.contracts import CONTRACTS
from tests.harness.api import Api, User
from tests.harness.bus import bus, publish
from tests.harness.stack import REPOSITORY, Stack
from tests.harness.waiting import until_async

pytestmark = pytest.mark.long  # together they take minutes

QUEUE = "chat-messages"
LETTERS = f"admin/queues/{QUEUE}/dead-letters"
PATIENCE = 100.0  # a message that could not be given back comes after its lock, a minute


def command(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One of the app's commands, with the stack's settings."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **stack.settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def admin(api: Api, stack: Stack) -> User:
    """A user whom the command has made an admin, signed in again."""
    user = await api.user("Root")
    made = command(stack, "functions.auth", "make-admin", user.email)
    assert made.stdout == f"{user.email} is an admin from the next login on\n", made.stderr
    body = {"email": user.email, "password": user.password}
    return replace(user, token=(await api.good("POST", "auth/login", json=body))["access_token"])


def asked_for(room_id: str, author: str, **data: Any) -> dict[str, Any]:
    path = CONTRACTS / "samples/atrium.chat.message_requested.v1/valid-message.json"
    found: dict[str, Any] = json.loads(path.read_text())
    wanted = {"room_id": room_id, "author_id": author, "client_id": new_id("cli"), **data}
    return {**found, "id": new_id("evt"), "subject": room_id, "data": found["data"] | wanted}


async def a_dead_letter(api: Api, stack: Stack, root: User, event: dict[str, Any]) -> Any:
    """Send an event that cannot be taken; the dead letter that it becomes."""
    async with bus(stack) as client:
        data = event["data"]
        await publish(client, event, f"{data['room_id']}/{data['author_id']}")

    async def found() -> list[Any]:
        page = await api.good("GET", LETTERS, root, params={"limit": "200"})
        return [each for each in page["items"] if each["event_id"] == event["id"]]

    return (await until_async(found, "the event is dead", PATIENCE))[0]


async def test_a_dead_letter_is_seen_read_redriven_and_taken_in_the_end(
    api: Api, stack: Stack
) -> None:
    root, ada, bob = await admin(api, stack), await api.user(), await api.user("Bob")
    room_id = await api.room(ada)
    event = asked_for(room_id, bob.id, text="I am no member yet")
    letter = await a_dead_letter(api, stack, root, event)
    assert (letter["reason"], letter["redrive_count"], letter["attempts"]) == ("refused", 0, 1)
    assert letter["failure_message"].startswith("not_a_member")
    assert letter["body"] == event
    one = f"{LETTERS}/{letter['number']}"
    assert await api.good("GET", one, root) == letter
    groups = await api.good("GET", f"admin/queues/{QUEUE}/dead-letter-groups", root)
    assert any(each["reason"] == "refused" and each["count"] >= 1 for each in groups["items"])
    queues = {each["name"]: each for each in (await api.good("GET", "admin/queues", root))["items"]}
    assert queues[QUEUE]["dead"] >= 1
    assert queues[QUEUE]["oldest_dead_seconds"] >= 0
    assert queues["chat-projector"]["active"] is not None

    await api.good("POST", f"rooms/{room_id}/join", bob)
    assert await api.good("POST", f"{one}/redrive", root) == {"redriven": 1, "left": 0}

    async def posted() -> bool:
        log = await api.log(ada, room_id)
        return any(each["data"].get("text") == "I am no member yet" for each in log)

    await until_async(posted, "the message is posted after all", PATIENCE)
    gone = await api.call("POST", f"{one}/redrive", root)
    assert (gone.status, gone.code) == (404, "dead_letter_not_found")
    audit = (await api.good("GET", "admin/audit", root, params={"limit": "200"}))["items"]
    mine = [
        each for each in audit if each["actor"] == root.id and each["number"] == letter["number"]
    ]
    assert [(each["action"], each["outcome"]) for each in mine] == [
        ("redrive_one", "not_found"),
        ("redrive_one", "done"),
        ("read_dead_letter", "done"),
    ]
    assert mine[1]["event_id"] == event["id"]


async def test_a_redriven_event_that_dies_again_says_how_often_and_is_purged_with_a_reason(
    api: Api, stack: Stack
) -> None:
    root, ada = await admin(api, stack), await api.user()
    room_id = await api.room(ada)
    event = asked_for(room_id, ada.id, text="")
    letter = await a_dead_letter(api, stack, root, event)
    assert letter["reason"] == "schema_invalid"
    moved = await api.good(
        "POST", f"admin/queues/{QUEUE}/redrive", root, json={"reason": "schema_invalid"}
    )
    assert moved["redriven"] >= 1

    async def again() -> list[Any]:
        page = await api.good("GET", LETTERS, root, params={"limit": "200"})
        return [
            each
            for each in page["items"]
            if each["event_id"] == event["id"] and each["redrive_count"] == 1
        ]

    number = (await until_async(again, "it is dead again", PATIENCE))[0]["number"]
    without = await api.call("POST", f"{LETTERS}/{number}/purge", root, json={})
    assert (without.status, without.code) == (422, "validation_failed")
    why = {"reason": "a bot's mistake"}
    await api.good("POST", f"{LETTERS}/{number}/purge", root, json=why)
    missing = await api.call("GET", f"{LETTERS}/{number}", root)
    assert (missing.status, missing.code) == (404, "dead_letter_not_found")


async def test_only_an_admin_gets_in(api: Api, stack: Stack) -> None:
    user = await api.user()
    assert stack.functions
    for method, path in (
        ("GET", "admin/queues"),
        ("GET", LETTERS),
        ("GET", "admin/audit"),
        ("POST", f"admin/queues/{QUEUE}/redrive"),
        ("POST", f"{LETTERS}/1/purge"),
    ):
        refused = await api.call(method, path, user, json={"all": True, "reason": "x"})
        assert (refused.status, refused.code) == (403, "admin_required")
        assert (await api.call(method, path)).status == 401


async def test_bad_requests_are_said(api: Api, stack: Stack) -> None:
    root = await admin(api, stack)
    unknown = await api.call("GET", "admin/queues/nobodys/dead-letters", root)
    assert (unknown.status, unknown.code) == (404, "queue_not_found")
    for body in ({}, {"all": True, "reason": "x"}, {"all": False}, {"reason": ""}):
        refused = await api.call("POST", f"admin/queues/{QUEUE}/redrive", root, json=body)
        assert (refused.status, refused.code) == (422, "validation_failed")
    assert (await api.call("GET", f"{LETTERS}/abc", root)).status == 404


async def test_the_command_line_does_the_same_and_is_audited(api: Api, stack: Stack) -> None:
    root, ada = await admin(api, stack), await api.user()
    event = asked_for(await api.room(ada), ada.id, text=7)
    letter = await a_dead_letter(api, stack, root, event)
    number = str(letter["number"])
    assert QUEUE in command(stack, "functions.admin", "queues").stdout
    assert "schema_invalid" in command(stack, "functions.admin", "groups", QUEUE).stdout
    assert event["id"] in command(stack, "functions.admin", "peek", QUEUE).stdout
    shown = command(stack, "functions.admin", "show", QUEUE, number)
    assert json.loads(shown.stdout)["body"] == event, shown.stderr
    purged = command(stack, "functions.admin", "purge", QUEUE, number, "--reason", "seen enough")
    assert (purged.returncode, purged.stdout) == (0, "done\n"), purged.stderr
    gone = command(stack, "functions.admin", "show", QUEUE, number)
    assert gone.returncode == 1
    assert "There is no such dead letter" in gone.stderr
    audit = (await api.good("GET", "admin/audit", root, params={"limit": "200"}))["items"]
    [entry] = [each for each in audit if each["reason"] == "seen enough"]
    assert entry["actor"].startswith("command line:")
    assert (entry["action"], entry["outcome"]) == ("purge_one", "done")
    nobody = command(stack, "functions.auth", "make-admin", "nobody@example.com")
    assert nobody.returncode == 1
    assert "no account has the address" in nobody.stderr
    again = command(stack, "functions.auth", "make-admin", root.email)
    assert "is an admin already" in again.stdout

"""Realtime's triggers: what arrives at them is read and handed on, and what they answer."""

import json
from collections.abc import Callable
from typing import Any

import azure.functions as func
import pytest

from functions.realtime import commands, consumers
from functions.realtime.models import Access, RoomEntry, RoomLogAppended
from shared_code.messaging import Event
from shared_code.messaging.reading import Unreadable, read


def event(body: dict[str, Any]) -> Event[RoomLogAppended]:
    """What a consumer of chat's events is given."""
    return read(json.dumps(body).encode(), RoomLogAppended)


def handler(trigger: Any) -> Callable[..., Any]:
    """The function behind a trigger."""
    found: Callable[..., Any] = trigger._function.get_user_function()
    return found


class Message(func.QueueMessage):
    """A queue message of this body."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(body=json.dumps(body).encode())


class Out:
    """An output binding that remembers what it was given."""

    def __init__(self) -> None:
        self.value: str | None = None

    def set(self, value: str) -> None:
        self.value = value


def appended(*entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "rm_1:1-2",
        "source": "/atrium/chat",
        "type": "atrium.chat.room_log_appended.v1",
        "subject": "rm_1",
        "time": "2026-11-23T10:11:12.123Z",
        "datacontenttype": "application/json",
        "access": "changed",
        "data": {"room_id": "rm_1", "first_seq": 1, "last_seq": 2, "entries": list(entries)},
    }


def entry(type_: str, seq: int) -> dict[str, Any]:
    data = {"user_id": "ann"}
    at = "2026-11-23T10:11:12.123Z"
    return {"type": type_, "room_id": "rm_1", "seq": seq, "at": at, "data": data}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the commands were called with."""
    made: list[Any] = []

    async def frames(entries: list[RoomEntry]) -> list[dict[str, Any]]:
        made.append([each.seq for each in entries])
        return [{"actionName": "sendToGroup"}]

    async def apply_access(access: Access) -> None:
        made.append(access)

    async def reconcile(user_id: str, connection_id: str) -> None:
        made.append((user_id, connection_id))

    async def let_in(user_id: str | None, connection_id: str, groups: list[str]) -> dict[str, Any]:
        made.append((user_id, connection_id, *groups))
        return {"userId": user_id}

    for command in (frames, apply_access, reconcile, let_in):
        monkeypatch.setattr(commands, command.__name__, command)
    return made


async def test_entries_become_the_actions_of_the_output_binding(calls: list[Any]) -> None:
    out = Out()
    appended_event = event(appended(entry("message.sent", 1), entry("message.sent", 2)))
    await consumers.push_frames(appended_event, out)
    assert calls == [[1, 2]]
    assert json.loads(out.value or "") == [{"actionName": "sendToGroup"}]


async def test_only_entries_that_change_access_are_followed_in_their_order(
    calls: list[Any],
) -> None:
    entries = (entry("member.joined", 1), entry("message.sent", 2), entry("member.left", 3))
    await consumers.follow_access(event(appended(*entries)))
    assert [(each.seq, each.allowed) for each in calls] == [(1, True), (3, False)]


async def test_an_event_of_another_type_is_not_looked_at(calls: list[Any]) -> None:
    with pytest.raises(Unreadable):
        await handler(consumers.reconcile_connection)(Message(appended(entry("message.sent", 1))))
    assert calls == []


async def test_a_connection_is_looked_at_again_when_its_message_comes(calls: list[Any]) -> None:
    opened = appended() | {
        "type": "atrium.realtime.connection_opened.v1",
        "data": {"user_id": "ann", "connection_id": "conn"},
    }
    await handler(consumers.reconcile_connection)(Message(opened))
    assert calls == [("ann", "conn")]


def context(**values: str) -> str:
    return json.dumps({"connectionContext": {"connectionId": "conn", **values}})


async def test_connect_is_answered_with_what_the_command_says(calls: list[Any]) -> None:
    assert await handler(consumers.on_connect)(context(userId="ann")) == {"userId": "ann"}
    await handler(consumers.on_connect)(context())
    assert calls == [("ann", "conn"), (None, "conn")]


async def test_connected_opens_the_rooms_of_the_user(calls: list[Any]) -> None:
    await handler(consumers.on_connected)(context(userId="ann"))
    assert calls == [("ann", "conn")]


async def test_disconnected_changes_nothing(calls: list[Any]) -> None:
    await handler(consumers.on_disconnected)(context(userId="ann"))
    assert calls == []

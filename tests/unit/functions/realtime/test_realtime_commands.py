"""Realtime's commands on a recorded world: frames in order, and groups that follow the projection."""

import json
from typing import Any

import pytest

from functions.realtime import commands, store
from functions.realtime.events import ConnectionOpened
from functions.realtime.models import Access, FileChanged, RoomEntry
from shared_code import live
from shared_code.messaging import Event
from shared_code.revocations import Revocations
from tests.unit.functions.realtime.conftest import World

ENDED = "ses_ended"
ROOM = "rm_1"
AT = "2026-11-23T10:11:12.123Z"


def access(seq: int, *, allowed: bool, user_id: str = "ann", room_id: str = ROOM) -> Access:
    return Access(user_id=user_id, place_id=room_id, seq=seq, allowed=allowed)


def message(seq: int, text: str = "hi") -> RoomEntry:
    return RoomEntry(type="message.sent", room_id=ROOM, seq=seq, at=AT, data={"text": text})


def left(seq: int, user_id: str = "ann") -> RoomEntry:
    data = {"user_id": user_id}
    return RoomEntry(type="member.left", room_id=ROOM, seq=seq, at=AT, data=data)


def joined(seq: int, user_id: str = "ann") -> RoomEntry:
    data = {"user_id": user_id, "role": "member"}
    return RoomEntry(type="member.joined", room_id=ROOM, seq=seq, at=AT, data=data)


def sent(actions: list[dict[str, Any]]) -> list[int]:
    return [json.loads(action["data"])["seq"] for action in actions]


async def test_a_frame_is_the_entry_as_it_came(world: World) -> None:
    entry = message(7, "grüß 🜁")
    assert await commands.frames([entry]) == [
        {
            "actionName": "sendToGroup",
            "group": "room:rm_1",
            "dataType": "json",
            "data": json.dumps(entry.model_dump(), ensure_ascii=False),
        }
    ]
    assert world.done == []


async def test_frames_leave_in_the_order_of_seq(world: World) -> None:
    actions = await commands.frames([message(9), message(7), joined(8)])
    assert sent(actions) == [7, 8, 9]
    assert world.done == []


async def test_who_has_left_is_removed_before_any_frame_of_the_batch_can_go_out(
    world: World,
) -> None:
    world.groups.add(("ann", ROOM))
    world.tell(access(2, allowed=True))
    assert sent(await commands.frames([message(7), left(8), message(9)])) == [7, 8, 9]
    assert world.done == ["keep ann 8", "remove ann rm_1"]
    assert world.groups == set()


async def test_a_late_or_repeated_end_does_not_silence_who_has_come_back(world: World) -> None:
    world.groups.add(("ann", ROOM))
    world.tell(access(9, allowed=True))
    await commands.frames([left(8)])
    assert world.groups == {("ann", ROOM)}


async def test_a_repeated_end_removes_again_because_the_first_may_have_failed(world: World) -> None:
    world.groups.add(("ann", ROOM))
    world.tell(access(8, allowed=False))
    await commands.frames([left(8)])
    assert world.groups == set()


async def test_access_that_is_given_is_kept_first_and_then_acted_on(world: World) -> None:
    await commands.apply_access(access(5, allowed=True))
    assert world.done == ["keep ann 5", "add ann rm_1"]


async def test_who_adds_undoes_it_when_access_went_away_meanwhile(world: World) -> None:
    world.meanwhile = lambda: world.tell(access(6, allowed=False))
    await commands.apply_access(access(5, allowed=True))
    assert world.done == ["keep ann 5", "add ann rm_1", "remove ann rm_1"]
    assert world.groups == set()


async def test_who_removes_undoes_it_when_access_came_back_meanwhile(world: World) -> None:
    world.meanwhile = lambda: world.tell(access(7, allowed=True))
    await commands.apply_access(access(6, allowed=False))
    assert world.done[-2:] == ["remove ann rm_1", "add ann rm_1"]
    assert world.groups == {("ann", ROOM)}


async def test_a_new_connection_hears_the_rooms_that_its_user_may_hear(world: World) -> None:
    world.tell(access(1, allowed=True, room_id="rm_1"))
    world.tell(access(1, allowed=True, room_id="rm_2"))
    world.tell(access(1, allowed=True, room_id="rm_3", user_id="bob"))
    await commands.reconcile("ann", "conn")
    assert sorted(world.done) == ["add conn rm_1", "add conn rm_2"]


async def test_a_new_connection_is_removed_where_access_went_away_meanwhile(world: World) -> None:
    world.tell(access(1, allowed=True))
    world.meanwhile = lambda: world.tell(access(2, allowed=False))
    await commands.reconcile("ann", "conn")
    assert world.done == ["add conn rm_1", "remove ann rm_1"]


@pytest.fixture
def scheduled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Event[ConnectionOpened], int]]:
    made: list[tuple[Event[ConnectionOpened], int]] = []

    async def record(event: Event[ConnectionOpened], after_seconds: int) -> None:
        made.append((event, after_seconds))

    monkeypatch.setattr(store, "look_later", record)
    monkeypatch.setattr(commands, "revocations", Revoked)
    return made


class Revoked:
    """One session has ended."""

    async def get(self) -> Revocations:
        return Revocations({ENDED: 0})


async def test_a_user_is_let_in_without_groups_and_looked_at_again_soon(
    scheduled: list[tuple[Event[ConnectionOpened], int]],
) -> None:
    assert await commands.let_in("ann", "conn", ["session:ses_1"]) == {"userId": "ann"}
    event, after_seconds = scheduled[0]
    assert (event.data.user_id, event.data.connection_id) == ("ann", "conn")
    assert after_seconds == commands.RECONCILE_SECONDS


@pytest.mark.parametrize("nobody", [None, ""])
async def test_a_connection_without_a_user_is_refused_and_not_looked_at(
    nobody: str | None, scheduled: list[tuple[Event[ConnectionOpened], int]]
) -> None:
    assert (await commands.let_in(nobody, "conn", []))["code"] == "unauthorized"
    assert scheduled == []


async def test_an_address_of_a_session_that_has_ended_opens_nothing(
    scheduled: list[tuple[Event[ConnectionOpened], int]],
) -> None:
    answer = await commands.let_in("ann", "conn", ["session:ses_1", f"session:{ENDED}"])
    assert answer["code"] == "unauthorized"
    assert scheduled == []


FILE = {"id": "fil_1", "name": "grüß 🜁.png", "drive_id": "usr_ann", "upload": None}


def file_changed(drive_id: str, *to: str, change: str = "available") -> FileChanged:
    return FileChanged(change=change, drive_id=drive_id, item=FILE, to=list(to))


def test_of_a_workspace_s_file_all_who_hear_the_workspace_are_told_once() -> None:
    [action] = commands.file_frames(file_changed("ws_1"))
    frame = {"type": "file.available", "drive_id": "ws_1", "item": FILE}
    assert action == {
        "actionName": "sendToGroup",
        "group": live.workspace_group("ws_1"),
        "dataType": "json",
        "data": json.dumps(frame, ensure_ascii=False),
    }


def test_of_a_personal_file_each_user_that_is_named_is_told() -> None:
    actions = commands.file_frames(file_changed("usr_ann", "usr_ann", "usr_bob", change="purged"))
    assert [each["userId"] for each in actions] == ["usr_ann", "usr_bob"]
    for each in actions:
        assert each["actionName"] == "sendToUser"
        assert each["dataType"] == "json"
        frame = {"type": "file.purged", "drive_id": "usr_ann", "item": FILE}
        assert json.loads(each["data"]) == frame


def test_who_is_named_for_a_workspace_s_file_is_not_told_twice() -> None:
    actions = commands.file_frames(file_changed("ws_1", "usr_ann"))
    assert [each["actionName"] for each in actions] == ["sendToGroup"]


def test_of_a_personal_file_that_names_nobody_nobody_is_told() -> None:
    assert commands.file_frames(file_changed("usr_ann")) == []

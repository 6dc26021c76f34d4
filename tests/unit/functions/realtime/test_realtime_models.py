"""What realtime reads of chat's entries, and what it does not mind."""

from typing import Any

import pytest
from pydantic import ValidationError

from functions.realtime.models import Access, RoomEntry, RoomLogAppended


def entry(type_: str, data: dict[str, Any]) -> RoomEntry:
    at = "2026-11-23T10:11:12.123Z"
    return RoomEntry(type=type_, room_id="rm_1", seq=7, at=at, data=data)


@pytest.mark.parametrize(("type_", "allowed"), [("member.joined", True), ("member.left", False)])
def test_joining_and_leaving_are_changes_of_access_at_their_seq(type_: str, allowed: bool) -> None:  # noqa: FBT001 - a parameter
    access = entry(type_, {"user_id": "ann", "role": "member"}).access()
    assert access == Access(user_id="ann", place_id="rm_1", seq=7, allowed=allowed)


@pytest.mark.parametrize("type_", ["room.created", "message.sent", "something.new"])
def test_other_entries_change_no_access_also_those_that_are_not_known_yet(type_: str) -> None:
    assert entry(type_, {"user_id": "ann"}).access() is None


def test_chat_may_add_to_its_event_without_asking() -> None:
    raw = {
        "room_id": "rm_1",
        "new": 1,
        "entries": [{**entry("something.new", {"deep": [1]}).model_dump(), "new": 2}],
    }
    assert RoomLogAppended.model_validate(raw).entries[0].data == {"deep": [1]}


@pytest.mark.parametrize("missing", ["type", "room_id", "seq", "at", "data"])
def test_an_entry_that_lacks_something_is_refused(missing: str) -> None:
    raw = entry("message.sent", {}).model_dump()
    del raw[missing]
    with pytest.raises(ValidationError):
        RoomEntry.model_validate(raw)


@pytest.mark.parametrize("data", [{}, {"user_id": None}, {"user_id": 7}, {"user_id": ""}])
def test_a_change_of_access_of_nobody_is_refused_when_it_is_read(data: dict[str, Any]) -> None:
    raw = {**entry("room.created", {}).model_dump(), "type": "member.left", "data": data}
    with pytest.raises(ValidationError, match="user_id"):
        RoomLogAppended.model_validate({"room_id": "rm_1", "entries": [raw]})

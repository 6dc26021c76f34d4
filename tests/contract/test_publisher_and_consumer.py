"""Chat publishes what the contract says and realtime reads all that it allows, without shared code."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from functions.chat import commands
from functions.chat.changes import JoinRoom, LeaveRoom, SendMessage
from functions.chat.events import (
    MessageRequested,
    RoomLogAppended,
    message_requested,
    room_log_appended,
)
from functions.chat.models import MAX_FILES, EntryType, LogEntry, NewMessage, NewRoom
from functions.chat.store import Change
from functions.realtime import models as realtime
from functions.realtime.events import ConnectionOpened, connection_opened
from shared_code.ids import new_id, numbered_id
from shared_code.messaging import Event
from shared_code.messaging.reading import Unreadable, read
from tests.contract.contracts import loaded, name_of, samples, schema, validator

AT = datetime(2026, 11, 23, 10, 11, 12, 123_000, tzinfo=UTC)
ROOM = new_id("rm")
CHAT = RoomLogAppended.TYPE


def every_entry() -> list[LogEntry]:
    """One entry of each type, and messages at the edges, as chat makes them."""
    _, _, first = commands._first_commit(ROOM, "usr_ann", NewRoom(name="x" * 80, kind="private"))
    reply_to = numbered_id("msg", 4)
    bodies = [
        NewMessage(text="hi"),
        NewMessage(text="🜁" * 4_000, client_id="~" * 128),
        NewMessage(text='"\\\t\r\n', client_id='"', after_seq=2, reply_to=reply_to),
        NewMessage(text="look", files=[new_id("fil") for _ in range(MAX_FILES)]),
    ]
    changes: list[Change] = [
        JoinRoom("usr_bob"),
        LeaveRoom("usr_bob"),
        *(SendMessage("usr_ann", body) for body in bodies),
    ]
    return [
        *[entry.model_copy(update={"room_id": ROOM}) for entry in first.entries],
        *[change.entry(ROOM, seq, AT) for seq, change in enumerate(changes, 3)],
    ]


def raw(event: Event[Any]) -> dict[str, Any]:
    """The event as it leaves."""
    found: dict[str, Any] = json.loads(event.model_dump_json())
    return found


def entry_type(entry: LogEntry) -> str:
    return f"{entry.type} {entry.seq}"


def test_all_types_of_entries_are_tried_and_each_has_its_place_in_the_contract() -> None:
    types = set(get_args(EntryType.__value__))
    assert {entry.type for entry in every_entry()} == types
    branches = schema(CHAT)["$defs"]["entry"]["allOf"]
    assert {each["if"]["properties"]["type"]["const"] for each in branches} == types


@pytest.mark.parametrize("entry", every_entry(), ids=entry_type)
def test_what_chat_publishes_of_an_entry_is_what_the_contract_says(entry: LogEntry) -> None:
    validator(CHAT).validate(raw(room_log_appended([entry])))


def test_what_chat_publishes_of_a_whole_commit_is_what_the_contract_says() -> None:
    event = raw(room_log_appended(every_entry()))
    validator(CHAT).validate(event)
    seqs = [entry["seq"] for entry in event["data"]["entries"]]
    assert seqs == list(range(event["data"]["first_seq"], event["data"]["last_seq"] + 1))
    assert event["access"] == "changed"


def test_chat_publishes_no_field_that_the_contract_does_not_name() -> None:
    definitions = schema(CHAT)["$defs"]
    message = next(entry for entry in every_entry() if entry.type == "message.sent")
    assert set(message.data) == set(definitions["message"]["properties"])
    optional = set(message.data) - set(definitions["message"]["required"])
    assert optional == {"files"}, "entries of the time before there were files are told as they are"
    assert set(raw(room_log_appended([message]))) == set(schema(CHAT)["properties"])


def test_what_realtime_publishes_is_what_its_contract_says() -> None:
    event = raw(connection_opened("usr_ann", "conn"))
    validator(ConnectionOpened.TYPE).validate(event)


@pytest.mark.parametrize("path", samples(CHAT, "valid"), ids=name_of)
def test_realtime_reads_every_valid_sample_of_chat_s_event_and_loses_nothing(path: Path) -> None:
    event = read(path.read_bytes(), realtime.RoomLogAppended)
    sent = loaded(path)["data"]["entries"]
    assert [entry.model_dump() for entry in event.data.entries] == sent


@pytest.mark.parametrize("path", samples(CHAT, "valid"), ids=name_of)
def test_an_event_says_that_access_changed_exactly_when_realtime_finds_a_change(path: Path) -> None:
    event = read(path.read_bytes(), realtime.RoomLogAppended)
    changes = [entry.access() for entry in event.data.entries]
    assert any(changes) is (event.access == "changed")


@pytest.mark.parametrize("path", samples(ConnectionOpened.TYPE, "valid"), ids=name_of)
def test_realtime_reads_every_valid_sample_of_its_own_event(path: Path) -> None:
    event = read(path.read_bytes(), ConnectionOpened)
    assert event.data.connection_id == event.subject


REQUEST = MessageRequested.TYPE


def test_what_chat_asks_of_itself_is_what_the_contract_says() -> None:
    data = MessageRequested(
        room_id=ROOM,
        author_id=new_id("usr"),
        text="hi",
        client_id=new_id("cli"),
        files=[new_id("fil")],
    )
    validator(REQUEST).validate(raw(message_requested(data)))


@pytest.mark.parametrize("path", samples(REQUEST, "valid"), ids=name_of)
def test_chat_reads_every_valid_request_as_the_message_that_http_would_bring(path: Path) -> None:
    event, sent = read(path.read_bytes(), MessageRequested), loaded(path)["data"]
    assert event.data.body.text == sent["text"]
    assert event.data.body.files == sent.get("files", [])
    assert event.data.session_id == f"{sent['room_id']}/{sent['author_id']}"


def bad_requests() -> list[Path]:
    """Samples whose data are at fault; who sends, and for what subject, is not chat's affair."""
    found = samples(REQUEST, "invalid")
    faults = {path: next(validator(REQUEST).iter_errors(loaded(path))) for path in found}
    return [path for path, fault in faults.items() if list(fault.absolute_path)[:1] == ["data"]]


@pytest.mark.parametrize("path", bad_requests(), ids=name_of)
def test_chat_takes_no_request_whose_data_the_contract_refuses(path: Path) -> None:
    with pytest.raises(Unreadable) as caught:
        read(path.read_bytes(), MessageRequested)
    assert caught.value.reason == "schema_invalid"

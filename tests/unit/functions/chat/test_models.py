"""The bodies that ask: every limit, from both sides, through JSON as requests bring it."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from functions.chat.models import LogQuery, NewMessage, NewRoom, NewScheduledMessage, PageQuery
from shared_code.ids import new_id

FILE = "fil_01k9zz0000000000000000000a"
BAD_FILES: tuple[Any, ...] = (
    [f"{FILE[:-1]}{character}" for character in "0123456789a"],
    [FILE, FILE],
    [FILE, new_id("msg")],
    [FILE + "\n"],
    [FILE.upper()],
    [""],
    [None],
    [7],
    [[FILE]],
    FILE,
    {FILE: FILE},
    None,
    7,
)


def message(**fields: Any) -> NewMessage:
    return NewMessage.model_validate_json(json.dumps({"text": "hi", **fields}))


def room(**fields: Any) -> NewRoom:
    return NewRoom.model_validate_json(json.dumps({"name": "tea", "kind": "public", **fields}))


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "x" * 4_000},
        {"text": "🜁" * 4_000},
        {"text": "a\tb\r\nc"},
        {"text": "  spaces stay  "},
        {"text": "\u200f\u202e any script \u0085"},
        {"client_id": "!"},
        {"client_id": "~" * 128},
        {"client_id": None, "after_seq": None, "reply_to": None},
        {"after_seq": 0},
        {"after_seq": 2**40 - 1},
        {"reply_to": new_id("msg")},
        {"files": []},
        {"files": [new_id("fil")]},
        {"files": [new_id("fil") for _ in range(10)]},
    ],
)
def test_a_message_within_the_limits_is_taken_as_it_came(fields: dict[str, Any]) -> None:
    taken = message(**fields).model_dump()
    assert {name: taken[name] for name in fields} == fields


@pytest.mark.parametrize(
    "fields",
    [
        {"text": ""},
        {"text": " \t\r\n\u00a0\u2003"},
        {"text": "x" * 4_001},
        {"text": "a\x00b"},
        {"text": "a\x1bb"},
        {"text": "a\x7fb"},
        {"text": None},
        {"text": 7},
        {"text": ["hi"]},
        {"client_id": ""},
        {"client_id": " "},
        {"client_id": "a b"},
        {"client_id": "x\n"},
        {"client_id": "ä"},
        {"client_id": "x" * 129},
        {"client_id": 7},
        {"after_seq": -1},
        {"after_seq": 2**40},
        {"after_seq": 1.5},
        {"after_seq": "1"},
        {"after_seq": True},
        {"reply_to": ""},
        {"reply_to": new_id("rm")},
        {"reply_to": new_id("msg") + "\n"},
        {"reply_to": new_id("msg").upper()},
        {"author_id": "usr_other"},
        *({"files": files} for files in BAD_FILES),
    ],
)
def test_a_message_beyond_a_limit_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        message(**fields)
    assert {each["loc"][0] for each in refused.value.errors()} == set(fields)


@pytest.mark.parametrize("files", BAD_FILES)
def test_a_message_for_later_takes_the_same_files(files: Any) -> None:
    raw = {"text": "hi", "send_at": "2026-11-27T14:00:23.000Z"}
    with pytest.raises(ValidationError):
        NewScheduledMessage.model_validate_json(json.dumps({**raw, "files": files}))
    good = {**raw, "files": [FILE]}
    assert NewScheduledMessage.model_validate_json(json.dumps(good)).files == [FILE]


@pytest.mark.parametrize(
    "raw", [rb'{"text":"\ud800"}', rb'{"text":"a\udfffb"}', b'{"text":"\xed\xa0\x80"}']
)
def test_a_lone_surrogate_is_refused_because_it_cannot_be_stored(raw: bytes) -> None:
    with pytest.raises(ValidationError):
        NewMessage.model_validate_json(raw)


def test_a_pair_of_surrogates_is_the_character_that_it_spells() -> None:
    assert NewMessage.model_validate_json(rb'{"text":"\ud83d\ude00"}').text == "😀"


@given(st.text(max_size=50))
def test_any_text_is_taken_unchanged_or_refused(text: str) -> None:
    raw = json.dumps({"text": text}).encode()
    try:
        assert NewMessage.model_validate_json(raw).text == text
    except ValidationError:
        unseen = all(unicodedata.category(each)[0] in "CMZ" for each in text)
        assert unseen or any(ord(each) < 32 or ord(each) == 127 for each in text)


@pytest.mark.parametrize(("given_name", "name"), [("  tea ", "tea"), ("x" * 80, "x" * 80)])
def test_a_room_s_name_is_taken_without_the_space_around_it(given_name: str, name: str) -> None:
    assert room(name=given_name).name == name


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 81},
        {"name": "a\nb"},
        {"name": "a\tb"},
        {"name": "a\x00b"},
        {"name": None},
        {"kind": "secret"},
        {"kind": "PUBLIC"},
        {"kind": None},
        {"created_by": "usr_other"},
    ],
)
def test_a_room_beyond_a_limit_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        room(**fields)
    assert {each["loc"][0] for each in refused.value.errors()} == set(fields)


def test_a_page_is_fifty_unless_asked_and_two_hundred_at_most() -> None:
    assert PageQuery().limit == 50
    assert PageQuery.model_validate({"limit": "200"}).limit == 200
    for limit in ("0", "201", "-1", "x", ""):
        with pytest.raises(ValidationError):
            PageQuery.model_validate({"limit": limit})
    with pytest.raises(ValidationError):
        PageQuery.model_validate({"cursor": "x" * 201})


def test_the_log_is_asked_for_from_a_seq_that_can_be() -> None:
    assert LogQuery.model_validate({"after": "7"}).after == 7
    for after in ("-1", str(2**40), "x", ""):
        with pytest.raises(ValidationError):
            LogQuery.model_validate({"after": after})

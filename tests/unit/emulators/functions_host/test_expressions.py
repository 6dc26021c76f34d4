"""Binding expressions: what they may say, and where their values come from."""

import re
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from emulators.functions_host import dotnet_formats
from emulators.functions_host.expressions import Pattern, Template
from emulators.functions_host.fidelity import merge_json_body
from emulators.functions_host.model import BindingError, ExpressionError, Metadata, TriggerInput


def message(text: str, **metadata: tuple[str, Any]) -> TriggerInput:
    found: Metadata = {"QueueTrigger": ("string", text), **metadata}
    return TriggerInput(("string", text), merge_json_body(found, text))


def request(body: bytes = b"", **parts: dict[str, str]) -> TriggerInput:
    members = {"params": {}, "query": {}, "headers": {}, **parts}
    return TriggerInput(("http", {**members, "body": ("bytes", body)}))


def test_text_without_expressions_is_itself_and_doubled_braces_are_braces() -> None:
    template = Template("plain/{{x}}.txt")
    assert template.is_literal
    assert template.fill(message("")) == "plain/{x}.txt"


def test_a_name_is_a_value_of_the_triggers_metadata_whatever_its_case() -> None:
    assert Template("copy/{queueTrigger}.txt").fill(message("a")) == "copy/a.txt"


def test_a_name_is_a_field_of_the_triggers_json_text() -> None:
    text = '{"name": "a", "count": 3, "done": true}'
    assert Template("{Name}-{count}-{done}").fill(message(text)) == "a-3-True"


def test_dots_go_into_nested_json() -> None:
    text = '{"file": {"Name": "a", "tags": {"k": 1}}}'
    assert Template("{file.name}/{file.tags.K}").fill(message(text)) == "a/1"


def test_a_field_of_the_body_hides_metadata_of_the_same_name() -> None:
    assert Template("{id}").fill(message('{"id": "mine"}', Id=("string", "its"))) == "mine"


def test_a_request_gives_route_before_query_before_body() -> None:
    body = b'{"a": "body", "b": "body", "c": "body"}'
    given = request(body, query={"a": "query", "b": "query"}, params={"a": "route"})
    assert Template("{a}-{b}-{c}").fill(given) == "route-query-body"


def test_query_and_headers_of_a_request_have_places_of_their_own() -> None:
    given = request(query={"id": "q"}, headers={"x-user": "h"}, params={"id": "r"})
    assert Template("{query.id}-{headers.X-User}-{id}").fill(given) == "q-h-r"


def test_a_requests_key_is_no_binding_data() -> None:
    with pytest.raises(ExpressionError, match=r"\{code\} has no value"):
        Template("{code}").fill(request(query={"code": "secret"}))


def test_rand_guid_is_another_each_time_and_takes_a_format() -> None:
    first, second = (Template("{rand-guid}").fill(message("")) for _ in range(2))
    assert uuid.UUID(first) != uuid.UUID(second)
    assert re.fullmatch("[0-9a-f]{32}", Template("{rand-guid:N}").fill(message("")))
    assert uuid.UUID(Template("{sys.randguid}").fill(message(""))).version == 4


def test_datetime_is_now_in_utc_in_the_asked_format() -> None:
    today = f"{datetime.now(UTC):%Y/%m/%d}"
    assert Template("{DateTime:yyyy/MM/dd}").fill(message("")) == today
    plain = Template("{DateTime}").fill(message(""))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ", plain)


def test_the_triggers_data_hides_the_systems_words() -> None:
    assert Template("{datetime}").fill(message('{"datetime": "mine"}')) == "mine"


def test_an_expression_without_a_value_names_itself_and_what_there_is() -> None:
    with pytest.raises(ExpressionError, match=r"\{nope\} has no value.*queuetrigger"):
        Template("{nope}").fill(message(""))
    with pytest.raises(ExpressionError, match="'b' does not exist"):
        Template("{a.b}").fill(message('{"a": {"c": 1}}'))


def test_an_array_or_object_has_no_plain_text() -> None:
    assert Template("x{a}").fill(message('{"a": {"b": 1}}')) == "x"


@pytest.mark.parametrize("text", ["{", "a}", "{a", "{}", "{a b}", "{a-b}", "{a..b}"])
def test_a_malformed_template_is_refused_when_it_is_made(text: str) -> None:
    with pytest.raises(BindingError):
        Template(text)


def test_values_can_be_escaped_for_the_language_around_them() -> None:
    template = Template("Name eq '{name}'")
    text = '{"name": "O\'Hara"}'
    assert template.fill(message(text), lambda value: value.replace("'", "''")) == (
        "Name eq 'O''Hara'"
    )


@pytest.mark.parametrize(
    ("pattern", "path", "captured"),
    [
        ("in/{name}", "in/a/b.txt", {"name": "a/b.txt"}),
        ("in/{name}.{ext}", "in/a.b.txt", {"name": "a.b", "ext": "txt"}),
        ("in/{name}.txt", "in/a.png", None),
        ("in/fixed.txt", "in/fixed.txt", {}),
        ("in/a.txt", "in/aXtxt", None),
        ("in/{{x}}-{n}", "in/{x}-1", {"n": "1"}),
    ],
)
def test_a_path_captures_parts_of_a_blobs_name(
    pattern: str, path: str, captured: dict[str, str] | None
) -> None:
    assert Pattern(pattern).match(path) == captured


@pytest.mark.parametrize("text", ["in/{a.b}", "in/{a}{a}", "in/{}"])
def test_a_path_that_cannot_capture_is_refused(text: str) -> None:
    with pytest.raises(BindingError):
        Pattern(text)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("yyyyMMdd", "20260307"),
        ("yy-M-d", "26-3-7"),
        ("HH:mm:ss.fff", "09:05:01.120"),
        ("hh tt", "09 AM"),
        ("dddd d MMMM", "Saturday 7 March"),
        ("ddd MMM", "Sat Mar"),
        ("yyyy'T'K", "2026TZ"),
        ("o", "2026-03-07T09:05:01.1200000Z"),
        ("s", "2026-03-07T09:05:01"),
        ("r", "Sat, 07 Mar 2026 09:05:01 GMT"),
    ],
)
def test_moments_are_written_in_dotnets_formats(form: str, text: str) -> None:
    moment = datetime(2026, 3, 7, 9, 5, 1, 120_000, UTC)
    assert dotnet_formats.moment(moment, form) == text

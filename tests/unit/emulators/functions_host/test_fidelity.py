"""The .NET host's habits with JSON and text."""

import pytest

from emulators.functions_host import fidelity
from emulators.functions_host.model import OutputError, Typed


def test_an_object_is_written_indented() -> None:
    value = {"a": [1, {"b": None}], "c": {}, "d": [], "e": True}
    assert fidelity.to_json(value) == (
        "{\n"
        '  "a": [\n'
        "    1,\n"
        "    {\n"
        '      "b": null\n'
        "    }\n"
        "  ],\n"
        '  "c": {},\n'
        '  "d": [],\n'
        '  "e": true\n'
        "}"
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1"),
        (1.0, "1.0"),
        (0.1, "0.1"),
        (1e-7, "1E-07"),
        (1e15, "1E+15"),
        (-1.5e15, "-1.5E+15"),
        (123456789012345.0, "123456789012345.0"),
        (1e300, "1E+300"),
        (2**70, str(2**70)),
    ],
)
def test_numbers_are_written_as_dotnet_does(number: float, text: str) -> None:
    assert fidelity.to_json(number) == text


def test_text_keeps_its_letters_and_escapes_line_separators() -> None:
    assert fidelity.to_json("ü\u2028\n\x01") == '"ü\\u2028\\n\\u0001"'


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("2026-11-22T10:11:12.500Z", "2026-11-22T10:11:12.5Z"),
        ("2026-11-22T10:11:12.000Z", "2026-11-22T10:11:12Z"),
        ("2026-11-22T10:11:12", "2026-11-22T10:11:12"),
        ("2026-11-22T10:11:12+02:00", "2026-11-22T08:11:12+00:00"),
        ("2026-11-22T10:11:12.1234567Z", "2026-11-22T10:11:12.1234567Z"),
        ("2026-11-22", "2026-11-22"),
        ("2026-13-22T10:11:12Z", "2026-13-22T10:11:12Z"),
        ("hello", "hello"),
    ],
)
def test_strings_that_look_like_dates_are_rewritten(text: str, rewritten: str) -> None:
    assert fidelity.rewrite_date(text) == rewritten


@pytest.mark.parametrize(
    ("value", "items"),
    [
        (("string", "plain"), ["plain"]),
        (("string", ' [1, "a", {"b": 2}] '), [1, "a", {"b": 2}]),
        (("string", '{"a": 1}'), [{"a": 1}]),
        (("string", "[]"), []),
        (("string", "12"), ["12"]),
        (("string", "{"), ["{"]),
        (("bytes", b'["as", "is"]'), [b'["as", "is"]']),
        (("json", '[{"a": 1}]'), [{"a": 1}]),
    ],
)
def test_json_text_is_parsed_and_an_array_is_split(value: Typed, items: list[object]) -> None:
    assert fidelity.split_output(value) == items


def test_text_in_braces_that_is_not_json_fails_the_output() -> None:
    with pytest.raises(OutputError, match="looks like JSON but is not"):
        fidelity.split_output(("string", "{hello}"))


def test_a_message_is_text_bytes_or_indented_json() -> None:
    assert fidelity.message_body("x", "string") == b"x"
    assert fidelity.message_body(b"\xff", "bytes") == b"\xff"
    assert fidelity.message_body({"a": 1}, "string") == b'{\n  "a": 1\n}'
    assert fidelity.message_body(True, "json") == b"True"


def test_dates_are_rewritten_in_text_that_the_host_parses_but_not_in_the_workers_json() -> None:
    value = {"at": "2026-11-22T10:11:12.500Z"}
    assert b'"2026-11-22T10:11:12.5Z"' in fidelity.message_body(value, "string")
    assert b'"2026-11-22T10:11:12.500Z"' in fidelity.message_body(value, "json")


def test_fields_of_a_json_body_replace_metadata_ignoring_case() -> None:
    metadata: dict[str, Typed] = {"Id": ("string", "1"), "DequeueCount": ("json", "1")}
    body = (
        '{"id": 7, "flag": true, "at": "2026-11-22T10:11:12Z", "o": {"x": 1}, "l": [], "n": null}'
    )
    assert fidelity.merge_json_body(metadata, body) == {
        "Id": ("string", "7"),
        "DequeueCount": ("json", "1"),
        "flag": ("string", "True"),
        "at": ("string", "11/22/2026 10:11:12"),
        "o": ("json", '{"x": 1}'),
    }


@pytest.mark.parametrize("body", ["text", "[1]", "{broken}", '"text"', ""])
def test_a_body_that_is_no_json_object_leaves_metadata_alone(body: str) -> None:
    metadata: dict[str, Typed] = {"Id": ("string", "1")}
    assert fidelity.merge_json_body(metadata, body) == metadata


@pytest.mark.parametrize(
    ("text", "status", "body"),
    [
        ("hello", 200, b"hello"),
        ('"quoted"', 200, b"quoted"),
        ("null", 200, b""),
        ("[1,2]", 200, b"[\n  1,\n  2\n]"),
        ('{"a":1}', 200, b'{\n  "a": 1\n}'),
        ('{"body":"x","status":201}', 201, b"x"),
        ('{"Body":{"a":1},"statusCode":"404"}', 404, b'{\n  "a": 1\n}'),
        ('{"body":null}', 200, b""),
    ],
)
def test_a_plain_answer_is_read_as_json(text: str, status: int, body: bytes) -> None:
    answer = fidelity.plain_http_answer(text)
    assert (answer[0], answer[2]) == (status, body)
    assert answer[1]["content-type"] == "text/plain; charset=utf-8"


def test_a_plain_answers_headers_replace_the_hosts() -> None:
    text = '{"body": "x", "headers": {"Content-Type": "text/css", "X-N": 1}}'
    _, headers, _ = fidelity.plain_http_answer(text)
    assert headers == {"content-type": "text/css", "x-n": "1"}


def test_keys_of_a_returned_object_are_matched_with_outputs() -> None:
    returned = ("json", '{"a": "text", "b": {"x": 1}, "c": 3, "d": null}')
    assert fidelity.outputs_in_return(returned, {"a", "b", "d"}) == {
        "a": ("string", "text"),
        "b": ("json", '{"x": 1}'),
    }
    assert fidelity.outputs_in_return(("string", '{"a": 1}'), {"a"}) == {}
    assert fidelity.outputs_in_return(None, {"a"}) == {}

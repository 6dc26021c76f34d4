"""Names and texts must show something, and names must not disguise what follows them."""

import pytest
from pydantic import TypeAdapter, ValidationError

from shared_code.text import MAX_NAME_LENGTH, Name, seen

names: TypeAdapter[str] = TypeAdapter(Name)


@pytest.mark.parametrize("text", ["a", "?", "🎉", "é", " x ", "\u200bx", "\U0001239a"])
def test_text_that_shows_something_is_taken(text: str) -> None:
    assert seen(text) == text


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\u202e", "\u2066\u2069", "\u0301", "\n\t"])
def test_text_that_shows_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="can be seen"):
        seen(text)


def test_a_name_is_stripped_and_composed() -> None:
    assert names.validate_python("  Rene\u0301 ") == "René"


@pytest.mark.parametrize(
    "name", ["", "  ", "x" * (MAX_NAME_LENGTH + 1), "two\nlines", "a\u202eb", "nul\0", "\u200b"]
)
def test_a_name_of_several_lines_or_with_marks_that_mislead_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        names.validate_python(name)

"""The words of Azure's SQL filters. Invariant: what is no word is a FilterError with its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_WORDS = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
    | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)
    | (?P<string>N?'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*"|\[(?:[^\]]|\]\])+\])
    | (?P<name>[^\W\d]\w*)
    | (?P<mark><>|!=|<=|>=|[=<>(),.;+*/%-])""",
    re.VERBOSE,
)
_LOGIC = ("and", "or", "not", "like", "escape", "in", "is", "null", "exists", "true", "false")
_KEYWORDS = frozenset((*_LOGIC, "set", "remove"))
_MOST_WORDS = 1_024
_MOST_CHARACTERS = 1_024  # of an expression (learn.microsoft.com, Service Bus quotas)


class FilterError(ValueError):
    """The expression is not one that Service Bus takes."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word: `kind` is keyword, name, string, number, mark or end."""

    kind: str
    value: Any
    at: int


def words(text: str) -> list[Word]:
    """The words of an expression, and an end. Raises FilterError."""
    if len(text) > _MOST_CHARACTERS:
        raise FilterError(f"longer than {_MOST_CHARACTERS} characters")
    found = [*_words(text), Word("end", None, len(text))]
    if len(found) > _MOST_WORDS:
        raise FilterError(f"more than {_MOST_WORDS} words")
    return found


def _words(text: str) -> Iterator[Word]:
    at = 0
    while at < len(text):
        match = _WORDS.match(text, at)
        if match is None or match.lastgroup is None:
            raise FilterError(f"{text[at]!r} at {at} is no part of an expression")
        if match.lastgroup != "space":
            yield _word(match.lastgroup, match.group(), at)
        at = match.end()


def _word(kind: str, text: str, at: int) -> Word:
    if kind == "number":
        return Word(kind, _number(text), at)
    if kind == "string":
        return Word(kind, text.removeprefix("N")[1:-1].replace("''", "'"), at)
    if kind == "quoted":
        inner = text[1:-1]
        close = "]" if text[0] == "[" else '"'
        return Word("name", inner.replace(2 * close, close), at)
    if kind == "name" and text.lower() in _KEYWORDS:
        return Word("keyword", text.lower(), at)
    return Word(kind, text, at)


def _number(text: str) -> int | float:
    if text[:2].lower() == "0x":
        return int(text, 16)
    return int(text) if text.isdecimal() else float(text)

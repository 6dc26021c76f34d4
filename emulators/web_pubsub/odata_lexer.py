"""Cuts an OData filter into tokens.

Invariant: every character of the text is in a token or is white space; anything else is an error
that names it and its place.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

MAX_LENGTH = 16 * 1024
_INT64 = 2**63


class FilterError(ValueError):
    """The filter is not one that the service understands; the message says where and why."""


class Kind(Enum):
    """What a token is."""

    NAME = auto()
    STRING = auto()
    INTEGER = auto()
    OPEN = auto()
    CLOSE = auto()
    COMMA = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the filter; ``text`` of a string is its value."""

    kind: Kind
    text: str
    position: int


_TOKEN = re.compile(
    r"""\s*(?:
    (?P<NAME>[A-Za-z_][A-Za-z0-9_]*)
    | '(?P<STRING>(?:[^']|'')*)'
    | (?P<INTEGER>-?[0-9]{1,19})(?![0-9A-Za-z_.])
    | (?P<OPEN>\()
    | (?P<CLOSE>\))
    | (?P<COMMA>,)
    | (?P<END>$)
    )""",
    re.VERBOSE,
)


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a filter, the last of which is the END."""
    if len(text) > MAX_LENGTH:
        raise FilterError(f"it is longer than {MAX_LENGTH} characters")
    tokens: list[Token] = []
    position = 0
    while not tokens or tokens[-1].kind is not Kind.END:
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unsupported(text, position)
        tokens.append(_token(match))
        position = match.end()
    return tokens


def _token(match: re.Match[str]) -> Token:
    kind = Kind[str(match.lastgroup)]
    text = match[match.lastgroup or 0]
    if kind is Kind.STRING:
        text = text.replace("''", "'")
    if kind is Kind.INTEGER and not -_INT64 <= int(text) < _INT64:
        raise FilterError(f"the integer {text} is out of range")
    return Token(kind, text, match.start(match.lastgroup or 0))


def _unsupported(text: str, position: int) -> FilterError:
    rest = text[position:].lstrip()
    word = rest.split(maxsplit=1)[0][:20]
    return FilterError(f"unsupported token {word!r} at {len(text) - len(rest)}")

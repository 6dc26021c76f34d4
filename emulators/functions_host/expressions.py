"""Binding expressions: `{name}` in a binding's settings, filled in anew for each invocation.

A template is literal text and expressions. What an expression means is looked up in the trigger's
binding data first; then come the words of the system: `rand-guid`, `DateTime`, `sys`. Invariant: a
malformed template is a `BindingError` when it is made; a missing value is an `ExpressionError` of the
one invocation that lacks it.
"""

import json
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from emulators.functions_host import dotnet_formats
from emulators.functions_host.model import BindingError, ExpressionError, TriggerInput, Typed

type Expression = Callable[[Mapping[str, Any]], str]

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")
_NAME = re.compile(r"[A-Za-z0-9_]+")
_NESTED = re.compile(r"[A-Za-z0-9_-]+")
_SYSTEM = "sys"


class Template:
    """A text with expressions in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._pieces = [_piece(match, text) for match in _PIECE.finditer(text)]
        self.is_literal = all(isinstance(piece, str) for piece in self._pieces)

    def fill(self, trigger: TriggerInput, escape: Callable[[str], str] = str) -> str:
        """Return the text for one invocation, each value escaped as the text's language asks.

        Raises:
            ExpressionError: if an expression has no value.
        """
        data = {} if self.is_literal else binding_data(trigger)
        return "".join(
            piece if isinstance(piece, str) else escape(piece(data)) for piece in self._pieces
        )


class Pattern:
    """A text whose expressions take parts out of another text, as a blob trigger's path does."""

    def __init__(self, text: str) -> None:
        pieces = []
        for match in _PIECE.finditer(text):
            name = match[1]
            if name is not None and _NAME.fullmatch(name) is None:
                raise BindingError(f"{text!r}: {{{name}}} cannot capture a part of a name")
            literal = re.escape(match[0][0] if match[0] in {"{{", "}}"} else match[0])
            pieces.append(literal if name is None else f"(?P<{name}>.*)")
        try:
            self._regex = re.compile("".join(pieces), re.DOTALL)
        except re.error as error:
            raise BindingError(f"{text!r}: {error}") from error

    def match(self, text: str) -> dict[str, str] | None:
        """Return the captured parts, or None when the text is another."""
        found = self._regex.fullmatch(text)
        return found.groupdict() if found else None


def binding_data(trigger: TriggerInput) -> dict[str, Any]:
    """Return what expressions can refer to, under lower-cased names."""
    kind, content = trigger.value
    if kind == "http":
        return _of_request(content)
    return {name.lower(): _plain(value) for name, value in trigger.metadata.items()}


def json_fields(text: str) -> dict[str, Any]:
    """Return the top-level members that a JSON text adds to binding data: no arrays, no nulls."""
    trimmed = text.strip()
    if (trimmed[:1], trimmed[-1:]) != ("{", "}"):
        return {}
    try:
        body = json.loads(trimmed)
    except ValueError:
        return {}
    return {
        name: item if isinstance(item, dict) else _text(item)
        for name, item in body.items()
        if item is not None and not isinstance(item, list)
    }


def _of_request(request: Mapping[str, Any]) -> dict[str, Any]:
    """The body's fields, then the query, then the route, each hiding those before it."""
    body = json_fields(request["body"][1].decode(errors="replace"))
    query = {name: text for name, text in request["query"].items() if name.lower() != "code"}
    own = {**body, **query, **request["params"]}
    data = {name.lower(): value for name, value in own.items()}
    return {"query": request["query"], "headers": request["headers"], **data}


def _plain(value: Typed) -> Any:
    kind, content = value
    if kind == "json":
        return json.loads(content)
    return content.decode(errors="replace") if kind == "bytes" else content


def _piece(match: re.Match[str], whole: str) -> str | Expression:
    if match[1] is not None:
        return _expression(match[1].strip(), whole)
    if match[0] in {"{", "}"}:
        raise BindingError(f"{whole!r}: a brace without its counterpart; write {{{{ for a brace")
    return match[0][0] if match[0] in {"{{", "}}"} else match[0]


def _expression(text: str, whole: str) -> Expression:
    name, _, form = text.partition(":")
    first, *nested = name.split(".")
    system = _SYSTEM_WORDS.get(name.lower())
    valid = system or (_NAME.fullmatch(first) and all(map(_NESTED.fullmatch, nested)))
    if not valid:
        raise BindingError(f"{whole!r}: {{{text}}} is not an expression")

    def evaluate(data: Mapping[str, Any]) -> str:
        if first.lower() in data:
            return _text(_nested(data[first.lower()], nested, text), form)
        if system is None:
            raise ExpressionError(_missing(text, data))
        return _text(system(), form)

    return evaluate


def _missing(text: str, data: Mapping[str, Any]) -> str:
    known = ", ".join(sorted(data)) or "nothing"
    return f"{{{text}}} has no value: the trigger gave {known}"


def _nested(value: Any, names: list[str], text: str) -> Any:
    for name in names:
        members = {key.lower(): item for key, item in value.items()} if _is_map(value) else {}
        if name.lower() not in members:
            raise ExpressionError(f"{{{text}}} has no value: {name!r} does not exist")
        value = members[name.lower()]
    return value


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)


def _text(value: Any, form: str = "") -> str:
    """Write a value as .NET's path helper does; what has no plain text is nothing."""
    if isinstance(value, datetime):
        return dotnet_formats.moment(value, form or "yyyy-MM-ddTHH-mm-ssK")
    if isinstance(value, uuid.UUID):
        return dotnet_formats.guid(value, form)
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, str | int | float):
        return str(value)
    return ""


_SYSTEM_WORDS: dict[str, Callable[[], Any]] = {
    "rand-guid": uuid.uuid4,
    f"{_SYSTEM}.randguid": uuid.uuid4,
    "datetime": lambda: datetime.now(UTC),
    f"{_SYSTEM}.utcnow": lambda: datetime.now(UTC),
}

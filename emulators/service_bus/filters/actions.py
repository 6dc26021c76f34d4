"""What a rule changes in the copy that it lets through: SET and REMOVE.

Invariants: the message that came stays as it is; a changed copy keeps everything else, bytes and types;
whatever the message holds, an action does not fail.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from emulators.amqp.sections import Message, with_application_properties
from emulators.service_bus.filters.facts import SYSTEM, Facts
from emulators.service_bus.filters.lexer import FilterError
from emulators.service_bus.filters.parser import Expression, Parser

type Action = Callable[[Message, int], Message]
type _Statement = tuple[str, str, Expression | None]

_MOST_STATEMENTS = 32  # of an action (learn.microsoft.com, Service Bus quotas)


def parse_action(text: str) -> Action:
    """The action that a text is: statements, each SET name = expression or REMOVE name."""
    parser = Parser(text)
    statements: list[_Statement] = []
    while parser.word.kind != "end":
        statements.append(_statement(parser))
        if not parser.accept("mark", ";"):
            break
    parser.expect("end", None)
    if not 0 < len(statements) <= _MOST_STATEMENTS:
        raise FilterError(f"an action has 1 to {_MOST_STATEMENTS} statements")
    return lambda message, enqueued_ms: _applied(statements, message, enqueued_ms)


def _statement(parser: Parser) -> _Statement:
    if parser.accept("keyword", "remove"):
        scope, name = parser.property_name()
        return scope, name, None
    parser.expect("keyword", "set")
    scope, name = parser.property_name()
    if scope == "sys" and name not in SYSTEM:
        raise FilterError(f"the system property {name} cannot be set")
    parser.expect("mark", "=")
    return scope, name, parser.expression()


def _applied(statements: list[_Statement], message: Message, enqueued_ms: int) -> Message:
    for scope, name, expression in statements:
        facts = Facts.of(message, enqueued_ms)
        value = None if expression is None else expression(facts)
        change = _with_system if scope == "sys" else _with_user
        message = change(message, name, value)
    return message


def _with_system(message: Message, name: str, value: Any) -> Message:
    """Set or remove a system property. A content type beyond ASCII has no encoding: it is removed."""
    text = None if value is None else str(value)
    if SYSTEM[name] == "content_type" and not (text or "").isascii():
        text = None
    properties = replace(message.properties)
    setattr(properties, SYSTEM[name], text)
    return replace(message, properties=properties, raw_properties=properties.encoded())


def _with_user(message: Message, name: str, value: Any) -> Message:
    """Set or remove a user property, under the name that it has if it has one."""
    present = message.application_properties()
    known = next((each for each in present if each.lower() == name), name)
    if value is None:
        return with_application_properties(message, {}, without=(known,))
    plain = value if isinstance(value, str | int | float | bool | uuid.UUID | bytes) else str(value)
    return with_application_properties(message, {known: plain})

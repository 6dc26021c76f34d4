"""The types, the comparisons and the functions of OData filters.

Invariant: a node's ``evaluate`` returns a value of its type or None, and never raises: types are
checked when the filter is read, and None (an anonymous user) makes every function None.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from emulators.web_pubsub.odata_lexer import FilterError


class Subject(Protocol):
    """What a filter can ask about a connection."""

    @property
    def id(self) -> str:
        """The connection id."""
        ...

    @property
    def user_id(self) -> str | None:
        """The user, or None for an anonymous one."""
        ...

    @property
    def groups(self) -> Collection[str]:
        """The groups that the connection is a member of."""
        ...

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol, or None for a raw client."""
        ...


class Type(StrEnum):
    """The type of an expression."""

    STRING = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    COLLECTION = "collection"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Node:
    """An expression: its type, its text for error messages, and its value for one connection."""

    type: Type
    text: str
    evaluate: Callable[[Subject], Any]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language; the second argument of ``substring`` may be followed by one."""

    result: Type
    parameters: tuple[tuple[Type, ...], ...]
    call: Callable[..., Any]
    optional: int = 0


IDENTIFIERS: dict[str, tuple[Type, Callable[[Subject], Any]]] = {
    "userid": (Type.STRING, lambda subject: subject.user_id),
    "connectionid": (Type.STRING, lambda subject: subject.id),
    "groups": (Type.COLLECTION, lambda subject: subject.groups),
    "protocol": (Type.STRING, lambda subject: subject.subprotocol),
}


def _substring(text: str, start: int, length: int | None = None) -> str:
    begin = max(start, 0)
    return text[begin:] if length is None else text[begin : begin + max(length, 0)]


_S = (Type.STRING,)
_I = (Type.INTEGER,)
FUNCTIONS: dict[str, Function] = {
    "tolower": Function(Type.STRING, (_S,), str.lower),
    "toupper": Function(Type.STRING, (_S,), str.upper),
    "trim": Function(Type.STRING, (_S,), str.strip),
    "substring": Function(Type.STRING, (_S, _I, _I), _substring, optional=1),
    "concat": Function(Type.STRING, (_S, _S), lambda left, right: left + right),
    "contains": Function(Type.BOOLEAN, (_S, _S), lambda text, part: part in text),
    "startswith": Function(Type.BOOLEAN, (_S, _S), str.startswith),
    "endswith": Function(Type.BOOLEAN, (_S, _S), str.endswith),
    "indexof": Function(Type.INTEGER, (_S, _S), str.find),
    "length": Function(Type.INTEGER, ((Type.STRING, Type.COLLECTION),), len),
}

_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
}
COMPARISONS = frozenset({"eq", "ne", *_ORDERINGS})


def require(node: Node, *allowed: Type) -> Node:
    """Return the node if its type is allowed; null fits everywhere but where a truth is asked."""
    if node.type in allowed or (node.type is Type.NULL and Type.BOOLEAN not in allowed):
        return node
    expected = " or ".join(allowed)
    raise FilterError(f"{node.text!r} is {node.type}, expected {expected}")


def compare(operator: str, left: Node, right: Node) -> Node:
    """Return the comparison of two expressions of the same type."""
    for side in (left, right):
        require(side, Type.STRING, Type.INTEGER, *(() if operator in _ORDERINGS else _TRUTH))
    if left.type is not Type.NULL:
        require(right, left.type, Type.NULL)
    text = f"{left.text} {operator} {right.text}"
    return Node(Type.BOOLEAN, text, _comparison(operator, left.evaluate, right.evaluate))


_TRUTH = (Type.BOOLEAN, Type.NULL)


def _comparison(
    operator: str, left: Callable[[Subject], Any], right: Callable[[Subject], Any]
) -> Callable[[Subject], bool]:
    if operator == "eq":
        return lambda subject: bool(left(subject) == right(subject))
    if operator == "ne":
        return lambda subject: bool(left(subject) != right(subject))
    order = _ORDERINGS[operator]

    def ordered(subject: Subject) -> bool:
        first, second = left(subject), right(subject)
        return first is not None and second is not None and order(first, second)

    return ordered


def call(name: str, arguments: list[Node]) -> Node:
    """Return the call of a function, its arguments checked."""
    function = FUNCTIONS[name]
    most = len(function.parameters)
    if not most - function.optional <= len(arguments) <= most:
        raise FilterError(f"{name} takes {most} arguments, not {len(arguments)}")
    for argument, allowed in zip(arguments, function.parameters, strict=False):
        require(argument, *allowed)
    text = f"{name}({', '.join(argument.text for argument in arguments)})"

    def evaluate(subject: Subject) -> Any:
        values = [argument.evaluate(subject) for argument in arguments]
        return None if None in values else function.call(*values)

    return Node(function.result, text, evaluate)

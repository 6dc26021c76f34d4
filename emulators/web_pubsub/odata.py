"""OData filters over connections: ``parse_filter(text)`` returns a predicate.

    or         := and ("or" and)*
    and        := comparison ("and" comparison)*
    comparison := unary (("eq"|"ne"|"gt"|"ge"|"lt"|"le") unary | "in" list-or-groups)?
    unary      := "not" unary | primary
    primary    := literal | identifier | function "(" arguments ")" | "(" or ")"

Invariant: a filter that was accepted evaluates without an error for every connection, and its size
is bounded. Identifiers and operators are read in any case; values are compared exactly.
"""

from collections.abc import Callable

from emulators.web_pubsub.odata_functions import (
    COMPARISONS,
    FUNCTIONS,
    IDENTIFIERS,
    Node,
    Subject,
    Type,
    call,
    compare,
    require,
)
from emulators.web_pubsub.odata_lexer import FilterError, Kind, Token, tokenize

__all__ = ["FilterError", "parse_filter"]

MAX_CLAUSES = 100
MAX_DEPTH = 40
_CONSTANTS = {
    "true": (Type.BOOLEAN, True),
    "false": (Type.BOOLEAN, False),
    "null": (Type.NULL, None),
}


def parse_filter(text: str) -> Callable[[Subject], bool]:
    """Return the predicate that the filter describes."""
    node = require(_Parser(tokenize(text)).parse(), Type.BOOLEAN)
    return lambda subject: bool(node.evaluate(subject))


class _Parser:
    """A recursive descent; one method for each rule of the grammar above."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._clauses = 0
        self._depth = 0

    def parse(self) -> Node:
        node = self._or()
        if self._peek().kind is not Kind.END:
            raise self._unsupported(self._peek())
        return node

    def _or(self) -> Node:
        left = self._and()
        while self._take_word("or"):
            left = _either(require(left, Type.BOOLEAN), require(self._and(), Type.BOOLEAN))
        return left

    def _and(self) -> Node:
        left = self._comparison()
        while self._take_word("and"):
            left = _both(require(left, Type.BOOLEAN), require(self._comparison(), Type.BOOLEAN))
        return left

    def _comparison(self) -> Node:
        left = self._unary()
        if self._take_word("in"):
            return self._in(left)
        operator = self._take_word(*COMPARISONS)
        return compare(operator, left, self._unary()) if operator else left

    def _in(self, left: Node) -> Node:
        require(left, Type.STRING, Type.INTEGER)
        if self._peek().kind is Kind.OPEN:
            values = [require(value, left.type) for value in self._arguments()]
            text = f"{left.text} in (…)"
            return Node(
                Type.BOOLEAN,
                text,
                lambda subject: (
                    left.evaluate(subject) in [each.evaluate(subject) for each in values]
                ),
            )
        right = require(self._primary(), Type.COLLECTION)
        return Node(
            Type.BOOLEAN,
            f"{left.text} in {right.text}",
            lambda subject: left.evaluate(subject) in right.evaluate(subject),
        )

    def _unary(self) -> Node:
        # Every rule that comes back to itself passes here, so this bounds the recursion too.
        self._clauses += 1
        self._depth += 1
        if self._clauses > 2 * MAX_CLAUSES or self._depth > MAX_DEPTH:
            raise FilterError(f"it has more than {MAX_CLAUSES} clauses, or {MAX_DEPTH} levels")
        node = self._negation()
        self._depth -= 1
        return node

    def _negation(self) -> Node:
        if not self._take_word("not"):
            return self._primary()
        operand = require(self._unary(), Type.BOOLEAN)
        return Node(
            Type.BOOLEAN, f"not {operand.text}", lambda subject: not operand.evaluate(subject)
        )

    def _primary(self) -> Node:
        token = self._take()
        if token.kind is Kind.STRING:
            return Node(Type.STRING, f"'{token.text}'", lambda _: token.text)
        if token.kind is Kind.INTEGER:
            number = int(token.text)
            return Node(Type.INTEGER, token.text, lambda _: number)
        if token.kind is Kind.OPEN:
            node = self._or()
            self._expect(Kind.CLOSE)
            return node
        if token.kind is Kind.NAME:
            return self._name(token)
        raise self._unsupported(token)

    def _name(self, token: Token) -> Node:
        name = token.text.lower()
        if name in _CONSTANTS:
            kind, value = _CONSTANTS[name]
            return Node(kind, name, lambda _: value)
        if name in IDENTIFIERS:
            kind, evaluate = IDENTIFIERS[name]
            return Node(kind, token.text, evaluate)
        if name in FUNCTIONS:
            return call(name, self._arguments())
        raise self._unsupported(token)

    def _arguments(self) -> list[Node]:
        self._expect(Kind.OPEN)
        arguments = [self._or()]
        while self._peek().kind is Kind.COMMA:
            self._take()
            arguments.append(self._or())
        self._expect(Kind.CLOSE)
        return arguments

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._peek()
        if token.kind is not Kind.END:
            self._next += 1
        return token

    def _take_word(self, *words: str) -> str | None:
        token = self._peek()
        word = token.text.lower()
        if token.kind is not Kind.NAME or word not in words:
            return None
        self._next += 1
        return word

    def _expect(self, kind: Kind) -> None:
        token = self._take()
        if token.kind is not kind:
            raise self._unsupported(token)

    def _unsupported(self, token: Token) -> FilterError:
        what = "unexpected end" if token.kind is Kind.END else f"unsupported token {token.text!r}"
        return FilterError(f"{what} at {token.position}")


def _either(left: Node, right: Node) -> Node:
    return Node(
        Type.BOOLEAN,
        f"{left.text} or {right.text}",
        lambda subject: bool(left.evaluate(subject) or right.evaluate(subject)),
    )


def _both(left: Node, right: Node) -> Node:
    return Node(
        Type.BOOLEAN,
        f"{left.text} and {right.text}",
        lambda subject: bool(left.evaluate(subject) and right.evaluate(subject)),
    )

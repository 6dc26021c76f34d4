"""Azure's SQL filter language: from words to a function of a message's facts.

Precedence, from the loosest: OR, AND, NOT, comparison (with LIKE, IN, IS), + -, * / %, sign.
Source: learn.microsoft.com/azure/service-bus-messaging/service-bus-messaging-sql-filter. Invariant: an
expression either parses whole or is a FilterError; nesting is limited.
"""

import uuid
from collections.abc import Callable
from typing import Any

from emulators.service_bus.filters.facts import READ_ONLY, SYSTEM, Facts
from emulators.service_bus.filters.lexer import FilterError, Word, words
from emulators.service_bus.filters.values import (
    both,
    compared,
    computed,
    either,
    like,
    negated,
    truth,
)

type Expression = Callable[[Facts], Any]

_MAX_DEPTH = 32
_COMPARISONS = {"=", "<>", "!=", "<", "<=", ">", ">="}
_SYSTEM_NAMES = {*SYSTEM, *READ_ONLY}


class Parser:
    """Reads one text. `position` is the next word."""

    def __init__(self, text: str) -> None:
        self._words = words(text)
        self._at = 0
        self._depth = 0

    def whole(self) -> Expression:
        """The expression that the whole text is."""
        found = self.expression()
        self.expect("end", None)
        return found

    def expression(self) -> Expression:
        """An expression of any kind."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise FilterError("nested too deeply")
        found = self._chain(self._conjunction, {"or": either})
        self._depth -= 1
        return found

    def _conjunction(self) -> Expression:
        return self._chain(self._negation, {"and": both})

    def _chain(
        self, part: Callable[[], Expression], operators: dict[str, Callable[[Any, Any], Any]]
    ) -> Expression:
        left = part()
        while self.word.kind == "keyword" and self.word.value in operators:
            join = operators[self.take().value]
            left = _joined(join, left, part())
        return left

    def _negation(self) -> Expression:
        negations = 0
        while self.accept("keyword", "not"):
            negations += 1
        inner = self._comparison()
        return _negated(inner) if negations % 2 else inner

    def _comparison(self) -> Expression:
        left = self._sum()
        if self.word.kind == "mark" and self.word.value in _COMPARISONS:
            operator = self.take().value
            right = self._sum()
            return lambda facts: compared(operator, left(facts), right(facts))
        if self.accept("keyword", "is"):
            return self._null_test(left)
        inverted = self.accept("keyword", "not")
        if self.accept("keyword", "like"):
            found = self._like(left)
        elif self.accept("keyword", "in"):
            found = self._membership(left)
        elif inverted:
            raise self.wrong("LIKE or IN")
        else:
            return left
        return _negated(found) if inverted else found

    def _null_test(self, left: Expression) -> Expression:
        inverted = self.accept("keyword", "not")
        self.expect("keyword", "null")
        return lambda facts: (left(facts) is None) is not inverted

    def _like(self, left: Expression) -> Expression:
        pattern = self._sum()
        escape = None
        if self.accept("keyword", "escape"):
            escape = self.expect("string").value
            if len(escape) != 1:
                raise FilterError("ESCAPE takes one character")
        return lambda facts: like(left(facts), pattern(facts), escape)

    def _membership(self, left: Expression) -> Expression:
        self.expect("mark", "(")
        members = [self._sum()]
        while self.accept("mark", ","):
            members.append(self._sum())
        self.expect("mark", ")")

        def test(facts: Facts) -> bool | None:
            found: bool | None = False
            for member in members:
                found = either(found, compared("=", left(facts), member(facts)))
            return found

        return test

    def _sum(self) -> Expression:
        return self._arithmetic(self._product, {"+", "-"})

    def _product(self) -> Expression:
        return self._arithmetic(self._signed, {"*", "/", "%"})

    def _arithmetic(self, part: Callable[[], Expression], operators: set[str]) -> Expression:
        left = part()
        while self.word.kind == "mark" and self.word.value in operators:
            operator = self.take().value
            left = _computed(operator, left, part())
        return left

    def _signed(self) -> Expression:
        if self.accept("mark", "-"):
            inner = self._signed()
            return lambda facts: computed("-", 0, inner(facts))
        self.accept("mark", "+")
        return self._primary()

    def _primary(self) -> Expression:
        word = self.take()
        if word.kind in {"number", "string"}:
            return _constant(word.value)
        if word.kind == "keyword" and word.value in {"true", "false", "null"}:
            return _constant({"true": True, "false": False, "null": None}[word.value])
        if word == Word("keyword", "exists", word.at):
            self.expect("mark", "(")
            inner = self.property_value()
            self.expect("mark", ")")
            return lambda facts: inner(facts) is not None
        if word == Word("mark", "(", word.at):
            inner = self.expression()
            self.expect("mark", ")")
            return inner
        if word.kind == "name":
            return self._named(word)
        raise self.wrong("a value", word)

    def _named(self, word: Word) -> Expression:
        """A property, or a call of one of the two functions."""
        if not self.accept("mark", "("):
            self._at -= 1
            return self.property_value()
        name = word.value.lower()
        if name == "newid":
            self.expect("mark", ")")
            return lambda _facts: str(uuid.uuid4())
        if name in {"property", "p"}:
            inner = self._sum()
            self.expect("mark", ")")
            return lambda facts: facts.user_value(str(inner(facts)).lower())
        raise self.wrong("newid or property", word)

    def property_value(self) -> Expression:
        """A property, with or without its scope."""
        scope, name = self.property_name()
        if scope == "sys":
            return lambda facts: facts.system_value(name)
        return lambda facts: facts.user_value(name)

    def property_name(self) -> tuple[str, str]:
        """The scope (`sys` or `user`) and the lower-case name of a property."""
        first = self.expect("name").value.lower()
        if first not in {"sys", "user"} or not self.accept("mark", "."):
            return "user", first
        name = self.expect("name").value.lower()
        if first == "sys" and name not in _SYSTEM_NAMES:
            raise FilterError(f"there is no system property {name}")
        return first, name

    @property
    def word(self) -> Word:
        """The next word."""
        return self._words[self._at]

    def take(self) -> Word:
        """The next word, which is behind us then; the end stays."""
        word = self.word
        self._at += word.kind != "end"
        return word

    def accept(self, kind: str, value: Any) -> bool:
        """Whether the next word is this one; then it is taken."""
        if (self.word.kind, self.word.value) != (kind, value):
            return False
        self.take()
        return True

    def expect(self, kind: str, value: Any = ...) -> Word:
        """Take a word of this kind, and value if given. Raises FilterError."""
        word = self.word
        if word.kind != kind or value not in {..., word.value}:
            raise self.wrong(kind if value is ... or value is None else repr(value))
        return self.take()

    def wrong(self, wanted: str, word: Word | None = None) -> FilterError:
        """The error that says what should stand where something else does."""
        found = word or self.word
        what = "the end" if found.kind == "end" else repr(found.value)
        return FilterError(f"{wanted} expected at {found.at}, found {what}")


def _constant(value: Any) -> Expression:
    return lambda _facts: value


def _negated(inner: Expression) -> Expression:
    return lambda facts: negated(truth(inner(facts)))


def _joined(join: Callable[[Any, Any], Any], left: Expression, right: Expression) -> Expression:
    return lambda facts: join(truth(left(facts)), truth(right(facts)))


def _computed(operator: str, left: Expression, right: Expression) -> Expression:
    return lambda facts: computed(operator, left(facts), right(facts))


def parse_filter(text: str) -> Callable[[Facts], bool]:
    """The filter that an expression is. Raises FilterError."""
    expression = Parser(text).whole()
    return lambda facts: expression(facts) is True

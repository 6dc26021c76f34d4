"""How values meet in an expression: SQL's three-valued logic, comparison and arithmetic.

Invariant: None is both null and unknown. What cannot be compared or computed is unknown, never an error.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

type Test = bool | None

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<>": lambda a, b: bool(a != b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}
_EQUALITY = {"=", "<>", "!="}
_LONG = 2**63


def both(left: Test, right: Test) -> Test:
    """AND."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def either(left: Test, right: Test) -> Test:
    """OR."""
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def negated(value: Test) -> Test:
    """NOT."""
    return None if value is None else not value


def truth(value: Any) -> Test:
    """A value where a test is wanted: only a boolean is one."""
    return value if isinstance(value, bool) else None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else type(value).__name__


def compared(operator: str, left: Any, right: Any) -> Test:
    """A comparison; values of different kinds compare to unknown, and booleans have no order."""
    if left is None or right is None:
        return None
    kind = _kind(left)
    if kind != _kind(right) or (kind == "boolean" and operator not in _EQUALITY):
        return None
    try:
        return _COMPARE[operator](left, right)
    except TypeError:
        return None


def computed(operator: str, left: Any, right: Any) -> Any:
    """Arithmetic on numbers, and + on texts; anything else, a division by zero and an overflow are null."""
    if operator == "+" and isinstance(left, str) and isinstance(right, str):
        return left + right
    if _kind(left) != "number" or _kind(right) != "number":
        return None
    try:
        found = _ARITHMETIC[operator](left, right)
    except (ZeroDivisionError, OverflowError):
        return None
    return None if isinstance(found, int) and not -_LONG <= found < _LONG else found


def _divided(left: Any, right: Any) -> Any:
    """Whole numbers divide to a whole number, towards zero."""
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return left / right


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divided,
    "%": lambda a, b: a - b * _divided(a, b) if isinstance(a, int) else a % b,
}


def like(value: Any, pattern: Any, escape: str | None) -> Test:
    """LIKE: % is any text, _ any character. The time is that of a search, whatever the pattern."""
    if not isinstance(value, str) or not isinstance(pattern, str):
        return None
    first, *others = _between_percents(pattern, escape)
    if not others:
        return first.fullmatch(value) is not None
    *middle, last = others
    begin = first.match(value)
    at = None if begin is None else _behind(middle, value, begin.end())
    return at is not None and last.search(value, at) is not None


def _behind(parts: list[re.Pattern[str]], value: str, at: int) -> int | None:
    """Where the parts end that follow each other with anything between, or None.

    The leftmost place leaves the most for the parts behind it, so no other need be tried.
    """
    for part in parts:
        found = part.search(value, at)
        if found is None:
            return None
        at = found.end()
    return at


@lru_cache(maxsize=256)
def _between_percents(pattern: str, escape: str | None) -> tuple[re.Pattern[str], ...]:
    """What stands before, between and behind the % signs; the last is found at the end of a text."""
    parts, at = [""], 0
    while at < len(pattern):
        character = pattern[at]
        if character == escape and at + 1 < len(pattern):
            at += 1
            parts[-1] += re.escape(pattern[at])
        elif character == "%":
            parts.append("")
        else:
            parts[-1] += "." if character == "_" else re.escape(character)
        at += 1
    parts[-1] += r"\Z"
    return tuple(re.compile(each, re.DOTALL) for each in parts)

r"""Wildcard patterns of role names: ``?``, ``*``, ``**`` (or more stars) and the escape ``\``.

Invariant: matching costs one step per character of the name, whatever the pattern: names come from
clients, and a backtracking match of five stars would let one of them stop the whole service.
"""

import re
from collections import defaultdict

MAX_STARS = 5
_PIECE = re.compile(r"\*{2,}|\\[\\*?]|[^\\]", re.DOTALL)


class InvalidPatternError(ValueError):
    """The pattern has too many stars, or escapes what needs no escape."""


class Pattern:
    """A compiled pattern: one bit per position, all positions stepped at once (Shift-And)."""

    __slots__ = (
        "_accepting",
        "_any",
        "_literals",
        "_loops",
        "_loops_over_dots",
        "literal",
        "matches_all",
    )

    def __init__(self, pattern: str) -> None:
        self._literals: defaultdict[str, int] = defaultdict(int)
        self._any = self._loops = self._loops_over_dots = 0
        bit = 1
        pieces = _pieces(pattern)
        for piece in pieces:
            self._place(piece, bit)
            bit <<= 1
        self._accepting = bit
        if self._loops.bit_count() > MAX_STARS:
            raise InvalidPatternError(f"a pattern has at most {MAX_STARS} stars")
        wild = self._loops | self._any
        self.literal = None if wild else "".join(piece[-1] for piece in pieces)
        self.matches_all = pieces == ["**"]

    def matches(self, name: str) -> bool:
        """Return whether the whole name fits; upper and lower case differ."""
        states = self._skip_stars(1)
        for character in name:
            dot = character == "."
            steps = self._literals.get(character, 0) | (0 if dot else self._any)
            loops = self._loops_over_dots if dot else self._loops
            states = self._skip_stars((states & steps) << 1 | (states & loops))
        return bool(states & self._accepting)

    def _place(self, piece: str, bit: int) -> None:
        if piece == "**":
            self._loops_over_dots |= bit
        if piece in {"*", "**"}:
            self._loops |= bit
        elif piece == "?":
            self._any |= bit
        else:
            self._literals[piece[-1]] |= bit

    def _skip_stars(self, states: int) -> int:
        """A star may also stand for nothing."""
        for _ in range(self._loops.bit_count()):
            states |= (states & self._loops) << 1
        return states


def _pieces(pattern: str) -> list[str]:
    pieces: list[str] = []
    position = 0
    while position < len(pattern):
        match = _PIECE.match(pattern, position)
        if match is None:
            raise InvalidPatternError("a backslash must escape a backslash, a star or ?")
        pieces.append("**" if match[0].startswith("**") else match[0])
        position = match.end()
    return pieces

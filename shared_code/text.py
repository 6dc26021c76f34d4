"""Text that people write and others read: one rule for names, one for what can be seen; and digests.

Invariant: a name is one visible line that can disguise neither itself nor the text after it.
"""

import hashlib
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

MAX_NAME_LENGTH = 80
_MAX_RAW_NAME_LENGTH = 4 * MAX_NAME_LENGTH

_UNSEEN = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp", "Mn", "Mc", "Me"}
# Marks that turn the direction of writing let a name disguise the text after it.
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def seen(value: str) -> str:
    """The value, when it holds anything that can be seen. Raises ValueError.

    A character that this Python's Unicode does not know yet counts as seen: it may be a new emoji.
    """
    if all(unicodedata.category(each) in _INVISIBLE for each in value):
        raise ValueError("must hold something that can be seen")
    return value


def misleads(value: str) -> bool:
    """Whether it holds what ends a line, is not text, or turns the direction of the text after it."""
    return any(each in _TURNS or unicodedata.category(each) in _UNSEEN for each in value)


def _name(raw: str) -> str:
    name = unicodedata.normalize("NFC", raw).strip()
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise ValueError(f"must have 1 to {MAX_NAME_LENGTH} characters")
    if misleads(name):
        raise ValueError("must not hold control characters")
    return seen(name)


type Name = Annotated[str, Field(max_length=_MAX_RAW_NAME_LENGTH), AfterValidator(_name)]


def digest(text: str) -> str:
    """The SHA-256 of any text, in hexadecimal: what is kept of a random secret, or a key for a table."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def as_name(raw: str | None) -> str | None:
    """What somebody is called elsewhere, cut to a name of ours; None when it cannot be one."""
    try:
        return _name((raw or "")[:MAX_NAME_LENGTH])
    except ValueError:
        return None

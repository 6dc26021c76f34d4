"""Ids: a prefix that says what it names, then 26 characters that sort by time of creation.

The 26 characters are a ULID (github.com/ulid/spec): 48 bits of milliseconds and 80 random bits in
Crockford's base 32, in lower case. A numbered id keeps a number in the upper half of the 80 bits, so
that what it names can be found without an index. Invariant: to clients every id is opaque.
"""

import hashlib
import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26
_RANDOM_BITS = 80
_NUMBER_BITS = 40


def new_id(prefix: str) -> str:
    """A new id such as `rm_01k9…`; 80 of its bits are random."""
    return _id(prefix, secrets.randbits(_RANDOM_BITS))


def derived_id(prefix: str, text: str) -> str:
    """The id that a text always gives: of a pair, or of a request's Idempotency-Key."""
    digest = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16])
    return f"{prefix}_{_characters(digest)}"


def keyed_id(prefix: str, whose: str, idempotency_key: str | None) -> str:
    """The id that an Idempotency-Key always gives, within what it is for; a new one without a key."""
    return derived_id(prefix, f"{whose} {idempotency_key}") if idempotency_key else new_id(prefix)


def numbered_id(prefix: str, number: int) -> str:
    """A new id that carries `number`, of at most 40 bits; 40 of its bits are random."""
    if not 0 <= number < 1 << _NUMBER_BITS:
        raise ValueError(f"{number} does not fit an id")
    return _id(prefix, number << _NUMBER_BITS | secrets.randbits(_NUMBER_BITS))


def number_of(numbered: str) -> int:
    """The number in a well-formed id of `numbered_id`."""
    value = 0
    for character in numbered[-_LENGTH:]:
        value = value << 5 | _ALPHABET.index(character)
    return value >> _NUMBER_BITS & (1 << _NUMBER_BITS) - 1


def _id(prefix: str, low_bits: int) -> str:
    return f"{prefix}_{_characters((time.time_ns() // 1_000_000) << _RANDOM_BITS | low_bits)}"


def _characters(number: int) -> str:
    """A number of 128 bits, which 26 characters of 5 bits hold."""
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))


_REVERSED = str.maketrans(_ALPHABET, _ALPHABET[::-1])


def reversed_id(an_id: str) -> str:
    """Ids sort by time; turned around they sort newest first."""
    prefix, _, characters = an_id.rpartition("_")
    return f"{prefix}_{characters.translate(_REVERSED)}"


ANY_ID_PATTERN = rf"^[a-z]{{2,3}}_[{_ALPHABET}]{{{_LENGTH}}}$"
"""What every id matches: for cursors that are the id of a list's last item."""


def id_pattern(prefix: str) -> str:
    """The regular expression that ids of this prefix match, for path parameters and schemas."""
    return rf"^{prefix}_[{_ALPHABET}]{{{_LENGTH}}}$"

"""Which new passwords are refused, beyond their length: those that somebody would try early.

Three sources, the cheapest first: who the owner is and what is opened (ASVS 6.2.11); the 30,000 most used
passwords, 11,600 of which are long enough to get here (ASVS 6.2.4 wants 3,000); and, where AUTH_HIBP_URL is
set, what was stolen elsewhere (ASVS 6.2.12, breaches.py). Invariant: a password is looked at, and never kept,
logged or changed.
"""

import asyncio
import re
import unicodedata
from functools import cache

from functions.auth import breaches, emails
from functions.auth.errors import PasswordBreached, PasswordTooCommon, PasswordTooGuessable
from shared_code.settings import optional_setting

CONTEXT_WORDS = "AUTH_CONTEXT_WORDS"
"""Names of the product and of who runs it, separated by commas; `Atrium` is always one."""

_PRODUCT = "Atrium"
_SHORTEST_PART = 3  # a shorter part of a name stands in too many passwords
_BETWEEN = re.compile(r"[\W_]+")


async def check(password: str, email: str, display_name: str, *, field: str = "password") -> None:
    """Raise the error that says why the password, in this field of the body, is refused.

    No storage; where AUTH_HIBP_URL is set one request of at most a second. Raises PasswordTooGuessable,
    PasswordTooCommon, PasswordBreached.
    """
    if is_guessable(password, email, display_name):
        raise PasswordTooGuessable(field)
    common = await asyncio.to_thread(_common)  # the first time takes 60 ms
    if not common.isdisjoint({password, password.strip().casefold()}):
        raise PasswordTooCommon(field)
    if await breaches.is_breached(password):
        raise PasswordBreached(field)


def is_guessable(password: str, email: str, display_name: str) -> bool:
    """Whether nothing but digits and signs are added to names of the owner, his address or the product."""
    plain, words = _letters_and_digits(password), _context(email, display_name)
    if not words.isdisjoint({plain, plain.strip("0123456789")}):
        return True
    longest_first = sorted((each for each in words if len(each) >= _SHORTEST_PART), key=len)[::-1]
    left = re.sub("|".join(map(re.escape, longest_first)), "", plain)
    return left != plain and not any(each.isalpha() for each in left)


def _context(email: str, display_name: str) -> set[str]:
    """The words that stand for the owner and the product, whole and in their parts."""
    local, _, domain = emails.canonical(email).partition("@")
    settings = (optional_setting(CONTEXT_WORDS) or "").split(",")
    whole = {email, local, domain, domain.rpartition(".")[0], display_name, _PRODUCT, *settings}
    parts = {part for text in (local, display_name, *settings) for part in _BETWEEN.split(text)}
    words = whole | {part for part in parts if len(part) >= _SHORTEST_PART}
    return {_letters_and_digits(word) for word in words} - {""}


def _letters_and_digits(text: str) -> str:
    return _BETWEEN.sub("", unicodedata.normalize("NFKC", text).casefold())


@cache
def _common() -> frozenset[str]:
    """The most used passwords, in lower case: the list that zxcvbn ships (MIT)."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]  # no types

    return frozenset(FREQUENCY_LISTS["passwords"])

"""Whether a password was stolen elsewhere, by the range API of Have I Been Pwned (setting AUTH_HIBP_URL).

Invariants: nothing but five of forty hexadecimal characters of the password's SHA-1 leaves; neither it nor
they are logged; and the answer is no when there is none within a second. After three failures in a row it is
not asked for a minute, then once, so that an outage costs nobody a second each time.
"""

import hashlib
import logging
import re
import time
from functools import cache
from http import HTTPStatus

from shared_code.outgoing import NoAnswer, ask
from shared_code.settings import optional_setting

SETTING = "AUTH_HIBP_URL"
"""Such as `https://api.pwnedpasswords.com/range/`; empty or missing: not asked."""

_PREFIX_LENGTH = 5
_SECONDS = 1.0
_FAILURES = 3
_REST_SECONDS = 60.0
_MAX_BYTES = 1_000_000  # a padded answer has some 1,000 lines of 40 characters
_HEADERS = {"Add-Padding": "true", "User-Agent": "atrium"}
_LINE = re.compile(r"([0-9A-F]{35}):(\d{1,12})", re.IGNORECASE)

_log = logging.getLogger("atrium.auth.breaches")


class Breaker:
    """Says whether it is worth asking a service that may be down. By the monotonic clock."""

    def __init__(self, failures: int = _FAILURES, rest_seconds: float = _REST_SECONDS) -> None:
        self._most = failures
        self._rest_seconds = rest_seconds
        self._failures = 0
        self._asked_again_at = 0.0

    def may_ask(self) -> bool:
        """Whether to ask now. While it rests, one caller in each period may."""
        if self._failures < self._most:
            return True
        if time.monotonic() < self._asked_again_at:
            return False
        self._asked_again_at = time.monotonic() + self._rest_seconds
        return True

    def answered(self) -> None:
        """It works."""
        self._failures = 0

    def failed(self) -> None:
        """It did not answer, or not what it should."""
        self._failures += 1
        self._asked_again_at = time.monotonic() + self._rest_seconds


@cache
def _breaker() -> Breaker:
    return Breaker()


async def is_breached(password: str) -> bool:
    """Whether the password stands in the list; False where it is not asked or does not answer in time."""
    url, breaker = optional_setting(SETTING), _breaker()
    if url is None or not breaker.may_ask():
        return False
    sha1 = hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False)
    digest = sha1.hexdigest().upper()
    try:
        found = await _suffixes(f"{url.rstrip('/')}/{digest[:_PREFIX_LENGTH]}")
    except (NoAnswer, ValueError) as error:
        breaker.failed()
        _log.warning("Breached passwords cannot be asked for: %s", error)
        return False
    breaker.answered()
    return digest[_PREFIX_LENGTH:] in found


async def _suffixes(url: str) -> set[str]:
    """The rest of each hash that the list has under a prefix. Raises NoAnswer, ValueError."""
    answer = await ask("GET", url, seconds=_SECONDS, max_bytes=_MAX_BYTES, headers=_HEADERS)
    if answer.status != HTTPStatus.OK:
        raise ValueError(f"status {answer.status}")
    return _parsed(answer.body.decode("ascii", "replace"))


def _parsed(text: str) -> set[str]:
    """The suffixes that count; padding has the count 0. Raises ValueError."""
    lines = [_LINE.fullmatch(line) for line in text.split()]
    if not lines or None in lines:
        raise ValueError("no range of hashes")
    return {found[1].upper() for found in lines if found and int(found[2]) > 0}

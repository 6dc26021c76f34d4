"""What is sent by mail to prove that somebody reads it: a link's secret, and six digits for typing.

    token = <user id>.<purpose>.<secret, 256 bits in base64url>

Invariants: both are random, sealed at rest, and good for one purpose of one user; digits bear few tries, and
each is counted before it is looked at. `browser` is a secret that the asking browser keeps: where there
is one, neither link nor digits are worth anything without it.
"""

import hmac
import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from functions.auth.models import Code, CodePurpose
from functions.auth.policy import CODE_LIFE
from functions.auth.sealing import seal, unseal

MAX_TRIES = 5
"""Guesses at six digits: the chance to hit is 1 in 200,000 for each code that is sent."""

_SECRET_BYTES = 32


@dataclass(frozen=True)
class Sent:
    """What goes out by mail."""

    token: str = field(repr=False)
    digits: str = field(repr=False)


@dataclass(frozen=True)
class Claim:
    """What a link's token claims, unproven."""

    user_id: str
    purpose: str
    secret: str = field(repr=False)


def new_code(
    user_id: str,
    purpose: CodePurpose,
    now: datetime,
    *,
    value: str | None = None,
    browser: str = "",
) -> tuple[Code, Sent]:
    """A new code for the purpose, and what to send of it. `value` is what it will confirm."""
    secret, digits = secrets.token_urlsafe(_SECRET_BYTES), f"{secrets.randbelow(10**6):06d}"
    plain = json.dumps([secret, digits, browser]).encode()
    code = Code(
        purpose=purpose,
        sealed=seal(plain, f"{user_id}/{purpose}"),
        sent_at=now,
        expires_at=now + CODE_LIFE[purpose],
        value=value,
    )
    return code, Sent(f"{user_id}.{purpose}.{secret}", digits)


def claim_of(token: str) -> Claim:
    """What a link's token claims; of one that we could not have made, a claim that nobody proves."""
    user_id, _, rest = token.partition(".")
    purpose, _, secret = rest.partition(".")
    return Claim(user_id, purpose, secret)


def proves(user_id: str, code: Code | None, now: datetime, claim: Claim, browser: str = "") -> bool:
    """Whether the link's token is the one that was sent, in time, from the browser that asked."""
    if code is None or claim.purpose != code.purpose or now >= code.expires_at:
        return False
    secret, _, bound = _opened(user_id, code)
    return _same(claim.secret, secret) and _same(browser, bound)


def may_try(code: Code | None, now: datetime) -> bool:
    """Whether digits may be tried: the try is to be counted before `fits` is asked."""
    return code is not None and now < code.expires_at and code.tries < MAX_TRIES


def is_from(user_id: str, code: Code, browser: str) -> bool:
    """Whether this browser asked for the code; no other's tries count."""
    return _same(browser, _opened(user_id, code)[2])


def fits(user_id: str, code: Code, digits: str) -> bool:
    """Whether these are the digits that were sent."""
    return _same(digits, _opened(user_id, code)[1])


def _opened(user_id: str, code: Code) -> tuple[str, str, str]:
    secret, digits, browser = json.loads(unseal(code.sealed, f"{user_id}/{code.purpose}"))
    return secret, digits, browser


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())

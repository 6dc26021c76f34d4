"""Reads and makes the service's tokens: HS256, signed with the access key's bytes as they are.

Invariant: nothing in a token is believed before its signature and lifetime hold, and claims of
the wrong type are refused here, so that nothing behind has to ask again.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.types import Options

from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.names import is_group_name, is_header_value

CLOCK_SKEW_SECONDS = 300
_NAME_IDENTIFIER = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"
_OPTIONS: Options = {
    "require": ["exp"],
    "verify_aud": False,  # the audience has rules of its own: see audience.py
    "verify_exp": False,  # the lifetime goes by the emulator's clock: see below
    "verify_nbf": False,
    "verify_iat": False,
    "verify_sub": False,
}

type Claims = Mapping[str, Any]


class InvalidTokenError(Exception):
    """The token cannot be believed: 401."""


class InvalidClaimError(Exception):
    """The token is genuine but asks for something impossible: 400."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who connects, with which roles and into which groups."""

    user_id: str | None
    roles: tuple[str, ...]
    groups: tuple[str, ...]


def read_token(token: str, keys: Sequence[bytes], clock: Clock) -> Claims:
    """Return the claims of a living token that one of the keys has signed."""
    for key in keys[:-1]:
        try:
            return _read(token, key, clock)
        except InvalidTokenError:
            pass
    return _read(token, keys[-1], clock)


def _read(token: str, key: bytes, clock: Clock) -> Claims:
    try:
        claims: Claims = jwt.decode(token, key, algorithms=["HS256"], options=_OPTIONS)
        expires, begins = int(claims["exp"]), int(claims.get("nbf", 0))
        # Without a date of issue nobody knows how old it is: the Python SDK's tokens for REST have
        # none, and must be good after an advance as before.
        issued_at = claims.get("iat")
        now = clock.now_for(issued_at if isinstance(issued_at, int | float) else math.inf)
        # The allowance is for clocks that differ; an advance is exact, and an hour ends an hour's token.
        skew = 0 if now - clock.now_for(math.inf) >= 1 else CLOCK_SKEW_SECONDS
    # Beyond its own errors PyJWT lets through what odd claim types do to its parser.
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidTokenError(str(error)) from error
    if not begins - CLOCK_SKEW_SECONDS <= now < expires + skew:
        raise InvalidTokenError("The token is not alive.")
    return claims


def write_token(claims: Claims, key: bytes, *, lifetime_seconds: float) -> str:
    """Return a signed token, dated in real time as every signer's tokens are."""
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + int(lifetime_seconds)}
    return jwt.encode({**claims, **times}, key, algorithm="HS256")


def audiences_of(claims: Claims) -> list[str]:
    """Return the audience claim as a list of strings."""
    return strings_of(claims.get("aud"))


def identity_of(claims: Claims) -> Identity:
    """Return who a client token speaks for."""
    groups = strings_of(claims.get("webpubsub.group"))
    if not all(is_group_name(group) for group in groups):
        raise InvalidClaimError("The token names an invalid group.")
    roles = strings_of(claims.get("role"))
    return Identity(_user_id_of(claims), tuple(roles), tuple(groups))


def strings_of(value: Any) -> list[str]:
    """Return a claim that may be absent, one string or an array; what is no string is left out."""
    values: Sequence[Any] = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, str)]


def _user_id_of(claims: Claims) -> str | None:
    user_id = claims.get("sub", claims.get(_NAME_IDENTIFIER))
    if user_id is None or user_id == "":
        return None
    if not isinstance(user_id, str) or not is_header_value(user_id):
        raise InvalidClaimError("The user id must be a string without control characters.")
    return user_id

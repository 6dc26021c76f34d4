"""Access tokens: what a service checks, with the keys that `auth` publishes.

Invariant: one algorithm (EdDSA), keys only from the published JWKS and only as key objects, `typ`
`at+jwt`, our issuer and audience, and every required claim. PyJWT checks neither `typ` nor a missing
`exp` unless told, so both are told here.
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from shared_code.actor import Actor
from shared_code.errors import Unauthenticated
from shared_code.published import PublishedDocument
from shared_code.revocations import revocations
from shared_code.roles import ROLES
from shared_code.settings import setting

ALGORITHM = "EdDSA"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - RFC 9068's name of the type, not a secret
AUDIENCE = "atrium"
REQUIRED_CLAIMS = ("iss", "aud", "sub", "sid", "jti", "iat", "exp", "ver", "auth_time")
JWKS_DOCUMENT = "jwks.json"
_JWKS_MAX_AGE = 60.0
_UNKNOWN_KEY_MAX_AGE = 1.0
_MAX_TOKEN_LENGTH = 4096
# Machines' clocks differ by a little: a token that another one has just issued is not from the future.
_CLOCK_SKEW_SECONDS = 5

type Keys = dict[str, Any]


@cache
def jwks() -> PublishedDocument[Keys]:
    """The published verification keys by `kid`."""
    return PublishedDocument(JWKS_DOCUMENT, parse_jwks, _JWKS_MAX_AGE)


def parse_jwks(document: bytes) -> Keys:
    """Key objects by `kid` from a JWKS; keys for anything but EdDSA are left out."""
    from jwt import PyJWK

    keys = json.loads(document)["keys"]
    return {key["kid"]: PyJWK(key).key for key in keys if key.get("alg") == ALGORITHM}


async def reach() -> None:
    """Raise Unavailable unless there are keys to verify with. One round trip, none while they are young."""
    await jwks().get()


async def authenticate(authorization: str | None) -> Actor:
    """The actor that the Authorization header proves. Raises Unauthenticated.

    No storage round trip while the keys are young, and the copy of what was revoked (a second). An unknown
    `kid` asks for the keys again, at most once a second, so that a new key works at once and a made-up one
    costs nothing.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > _MAX_TOKEN_LENGTH:
        raise Unauthenticated("Send Authorization: Bearer with an access token")
    key_id = _key_id(token)
    keys = await jwks().get()
    if key_id not in keys:
        keys = await jwks().get(max_age=_UNKNOWN_KEY_MAX_AGE)
    if key_id not in keys:
        raise Unauthenticated("The access token is not valid")
    proven = verify(token, keys[key_id])
    revoked = await revocations().get()
    if revoked.refuses(proven.actor.user_id, proven.actor.session_id, proven.version):
        raise Unauthenticated("The session has ended")
    deleted = proven.actor.workspaces.keys() & revoked.workspaces.keys()
    if not deleted:
        return proven.actor
    left = {key: role for key, role in proven.actor.workspaces.items() if key not in deleted}
    return replace(proven.actor, workspaces=left)


def _key_id(token: str) -> str:
    """The `kid` of the token's header, once the header is one that we could have written."""
    import jwt

    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError) as error:
        raise Unauthenticated("The access token is not valid") from error
    if header.get("typ") != TOKEN_TYPE or header.get("alg") != ALGORITHM:
        raise Unauthenticated("The access token is not valid")
    return str(header.get("kid"))


@dataclass(frozen=True)
class Proven:
    """What a token's signature proves: who it is for, and the version of the user's tokens (`ver`)."""

    actor: Actor
    version: int


def verify(token: str, key: Any) -> Proven:
    """What a token signed with `key` proves. Raises Unauthenticated."""
    import jwt

    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=setting("AUTH_ISSUER"),
            leeway=_CLOCK_SKEW_SECONDS,
            options={"require": list(REQUIRED_CLAIMS)},
        )
    except jwt.ExpiredSignatureError as error:
        raise Unauthenticated("The access token has expired") from error
    except (jwt.InvalidTokenError, ValueError) as error:
        raise Unauthenticated("The access token is not valid") from error
    actor = Actor(
        str(claims["sub"]),
        str(claims["sid"]),
        _moment(claims["exp"]),
        _roles(claims),
        _moment(claims["auth_time"]),
        _workspaces(claims),
        claims.get("workspaces_capped") is True,
    )
    return Proven(actor, _whole(claims["ver"]))


def _moment(value: Any) -> datetime:
    """A claim that is a time. Raises Unauthenticated."""
    try:
        return datetime.fromtimestamp(_whole(value), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unauthenticated("The access token is not valid") from error


def _whole(value: Any) -> int:
    """A claim that is a whole number. Raises Unauthenticated."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unauthenticated("The access token is not valid")
    return value


def _workspaces(claims: dict[str, Any]) -> dict[str, str]:
    """The roles by workspace that a token carries. Raises Unauthenticated."""
    found = claims.get("workspaces", {})
    if not isinstance(found, dict) or not all(role in ROLES for role in found.values()):
        raise Unauthenticated("The access token is not valid")
    return found


def _roles(claims: dict[str, Any]) -> frozenset[str]:
    """The roles that a token carries; none when it says nothing. Raises Unauthenticated."""
    roles = claims.get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(each, str) for each in roles):
        raise Unauthenticated("The access token is not valid")
    return frozenset(roles)

"""The process's copy of the signing keys, and the access tokens that it signs.

Invariant: a token carries what shared_code.tokens requires, and is signed by the current key of a ring
that was read within the last minute, so that a rotation needs no restart. While the store cannot be
reached the ring at hand serves some minutes more: rotations leave its keys valid for longer than that.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Any

from azure.core.exceptions import AzureError

from functions.auth import store
from functions.auth.keys import KeyRing
from functions.auth.models import Account, Membership, Session
from functions.auth.policy import ACCESS_TOKEN_LIFE, KEY_RING_AGE, KEY_RING_GRACE
from functions.auth.workspace_policy import CLAIMED_WORKSPACES
from shared_code.ids import new_id
from shared_code.settings import setting
from shared_code.tokens import ALGORITHM, AUDIENCE, TOKEN_TYPE

_RETRY_SECONDS = 5.0
_log = logging.getLogger("atrium.auth")


class RingCache:
    """The key ring, read again when it is older than `max_age`; one reader at a time.

    While the store does not answer, the ring at hand serves for `grace` more. Times are seconds of the
    monotonic clock.
    """

    def __init__(
        self, load: Callable[[], Awaitable[KeyRing]], max_age: float, grace: float = 0.0
    ) -> None:
        self._load = load
        self._max_age = max_age
        self._grace = grace
        self._lock = asyncio.Lock()
        self._ring: KeyRing | None = None
        self._read_at = float("-inf")
        self._failed_at = float("-inf")

    async def get(self) -> KeyRing:
        """The ring. No round trip while it is young, else one. Raises AzureError when none can be used."""
        if self._ring is None or self._should_read():
            async with self._lock:
                if self._ring is None or self._should_read():
                    self._ring = await self._read(self._ring)
        return self._ring

    def _should_read(self) -> bool:
        has_just_failed = time.monotonic() - self._failed_at < _RETRY_SECONDS
        return self._age() >= self._max_age and not (has_just_failed and self._is_usable())

    def _is_usable(self) -> bool:
        return self._age() < self._max_age + self._grace

    def _age(self) -> float:
        return time.monotonic() - self._read_at

    async def _read(self, at_hand: KeyRing | None) -> KeyRing:
        asked_at = time.monotonic()
        try:
            ring = await self._load()
        except AzureError as error:
            if at_hand is None or not self._is_usable():
                raise
            self._failed_at = time.monotonic()
            _log.warning("the signing keys cannot be read; using those at hand", exc_info=error)
            return at_hand
        self._read_at = asked_at
        return ring


@cache
def _cache() -> RingCache:
    age, grace = KEY_RING_AGE.total_seconds(), KEY_RING_GRACE.total_seconds()
    return RingCache(store.load_ring, age, grace)


async def key_ring() -> KeyRing:
    """The signing keys. No round trip while the process's copy is young, else one."""
    return await _cache().get()


async def reach() -> None:
    """Raise unless there are keys to sign with. No round trip while the copy is young."""
    await key_ring()


def access_token(  # noqa: PLR0913, PLR0917 - each is one fact of a token
    ring: KeyRing,
    account: Account,
    session: Session,
    now: datetime,
    memberships: Iterable[Membership],
    only: str | None = None,
) -> str:
    """A new access token of the session, signed by the current key.

    Of more workspaces than it may carry it has those that he joined last, or `only` that one, and says so.
    """
    import jwt

    claims: dict[str, Any] = {
        "iss": setting("AUTH_ISSUER"),
        "aud": AUDIENCE,
        "sub": account.user_id,
        "sid": session.session_id,
        "jti": new_id("tok"),
        "iat": int(now.timestamp()),
        "exp": int((now + ACCESS_TOKEN_LIFE).timestamp()),
        "ver": account.token_version,
        "auth_time": int(session.authenticated_at.timestamp()),
        "amr": list(session.methods),
    }
    if account.roles:
        claims["roles"] = list(account.roles)
    held = sorted((each for each in memberships if each.role), key=lambda each: each.joined_at)
    carried = [each for each in held if each.workspace_id == only] if only else held
    if held:
        last = carried[-CLAIMED_WORKSPACES:]
        claims["workspaces"] = {each.workspace_id: each.role for each in last}
        claims["workspaces_capped"] = len(held) > len(last)
    header = {"typ": TOKEN_TYPE, "kid": ring.current.kid}
    return jwt.encode(claims, ring.current.private, algorithm=ALGORITHM, headers=header)

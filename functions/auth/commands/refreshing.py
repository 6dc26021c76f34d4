"""Refreshing a session.

Invariants: a session's newest refresh token has its row's counter. The token before it gives the same
successor for ten seconds, because an answer can be lost; any older one was stolen or copied, so it ends
the session, and its owner is told.
"""

from datetime import datetime
from typing import Literal

from functions.auth import limits, policy, refresh_tokens, revoking, signing, store
from functions.auth.commands.changing import changed, committed, end_sessions, entry
from functions.auth.commands.mailing import tell_notice
from functions.auth.commands.sessions import live_session, signed_in
from functions.auth.errors import InvalidRefreshToken, RefreshTokenReused
from functions.auth.models import Session, SessionKind, SignedIn
from functions.auth.refresh_tokens import RefreshToken
from functions.auth.sealing import unseal
from functions.auth.store import Change, UserRecord
from shared_code.clock import utcnow
from shared_code.endpoint import Client


async def refresh(text: str, kind: SessionKind, client: Client) -> SignedIn:
    """A new access token, and the successor of the refresh token.

    Storage: two round trips; one for a repeat, more in a race. Raises InvalidRefreshToken, and
    RefreshTokenReused, which ends the session; of too many tries that fail, TooManyRequests.
    """
    try:
        return await _refreshed(text, kind, client)
    except InvalidRefreshToken:
        await limits.before_refresh(client)  # only what fails counts: no token can be guessed
        raise


async def _refreshed(text: str, kind: SessionKind, client: Client) -> SignedIn:
    try:
        token = refresh_tokens.decode(text)
    except refresh_tokens.MalformedToken as error:
        raise InvalidRefreshToken from error
    ring = await signing.key_ring()

    async def attempt(record: UserRecord) -> SignedIn | None:
        now, session = utcnow(), _proven(record, token, kind)
        if token.counter == session.counter:
            rotated = _rotated(session, client, now)
            change = Change(record, holds_root=False)
            change.put(rotated)
            session = rotated if await change.commit() else session
        elif not _is_lost_answer(token, session, now):
            await _end_reused(record, session, client)
            raise RefreshTokenReused
        is_settled = session.counter != token.counter
        return (
            signed_in(ring, record.account, session, now, record.memberships)
            if is_settled
            else None
        )

    record = await store.read_user(token.user_id)
    if record is None:
        raise InvalidRefreshToken
    return await changed(token.user_id, attempt, record)


def _proven(record: UserRecord, token: RefreshToken, kind: SessionKind) -> Session:
    """The live session that issued the token. Raises InvalidRefreshToken."""
    session = live_session(record, token.session_id)
    key = unseal(session.sealed_key, session.session_id)
    if session.kind != kind or not token.is_authentic(key) or token.counter > session.counter:
        raise InvalidRefreshToken
    return session


def _rotated(session: Session, client: Client, now: datetime) -> Session:
    idle = min(now + policy.SESSION_IDLE_LIFE, session.expires_at)
    return session.model_copy(
        update={
            "counter": session.counter + 1,
            "rotated_at": now,
            "idle_expires_at": idle,
            "address": client.address,
            "user_agent": client.user_agent,
        }
    )


def _is_lost_answer(token: RefreshToken, session: Session, now: datetime) -> bool:
    is_predecessor = token.counter == session.counter - 1
    return is_predecessor and now - session.rotated_at <= policy.REFRESH_GRACE


async def _end_reused(record: UserRecord, session: Session, client: Client) -> None:
    """End a session of which a token came back that was used before."""

    async def attempt(found: UserRecord) -> Literal[True] | None:
        current = found.session(session.session_id)
        if current is None:
            await revoking.revoke([session.session_id])
            return True
        change = Change(found)
        publish = end_sessions(change, found, [current])
        change.note(entry("refresh.reuse_detected", client, session.session_id))
        tell_notice(change, found.account.email, "sessions_revoked")
        return await committed(change, publish)

    await changed(record.user_id, attempt, record)

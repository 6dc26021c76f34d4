"""Sessions: signing in, seeing and ending them.

Invariants: a session is one row, begun in one transaction that holds the account as it was read; when a
command that ends a session returns, every service refuses its tokens within two seconds.
"""

import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Literal

from functions.auth import (
    captcha,
    cookies,
    devices,
    limits,
    policy,
    refresh_tokens,
    signing,
    store,
)
from functions.auth.commands.changing import all_ended, changed, committed, end_sessions, entry
from functions.auth.commands.mailing import tell_notice
from functions.auth.emails import reservation_key
from functions.auth.errors import (
    EmailNotVerified,
    InvalidCredentials,
    InvalidRefreshToken,
    NoSuchSession,
)
from functions.auth.keys import KeyRing
from functions.auth.models import (
    Account,
    Credentials,
    Factor,
    Membership,
    Method,
    SecondFactorNeeded,
    Session,
    SessionInfo,
    SessionKind,
    SignedIn,
    User,
)
from functions.auth.sealing import seal, unseal
from functions.auth.store import Change, UserRecord
from shared_code import passwords
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.endpoint import Client
from shared_code.errors import InvalidSetting, TooManyHashes
from shared_code.ids import new_id
from shared_code.settings import optional_setting

ACCESS_SECONDS = int(policy.ACCESS_TOKEN_LIFE.total_seconds())
REGISTRATION = "AUTH_REGISTRATION"
_SESSION_KEY_BYTES = 32


def must_confirm() -> bool:
    """Whether an address must be confirmed before one can sign in. Raises InvalidSetting."""
    mode = optional_setting(REGISTRATION) or "direct"
    if mode not in {"direct", "confirmed"}:
        raise InvalidSetting(REGISTRATION)
    return mode == "confirmed"


async def login(credentials: Credentials, client: Client) -> SignedIn | SecondFactorNeeded:
    """Sign in with a password, or learn that a second factor is needed as well.

    Storage: three round trips (reservation, account, session), two when refused, whether or not the
    account exists; and those of limits.before_login and succeeded. Raises TooManyRequests,
    CaptchaRequired, InvalidCredentials, TooManyHashes.
    """
    await captcha.check(client)
    tried = await limits.before_login(
        reservation_key(credentials.email),
        client,
        known_device=is_known_device(client, credentials.email),
    )
    record = await owner_of(credentials.email)
    stored = record.account.password_hash if record else None
    if not await passwords.matches(credentials.password, stored) or record is None:
        raise InvalidCredentials
    renewed = await _renewed_hash(record.account, credentials.password)
    signed_in_now = await sign_in(
        record, client, credentials.session, ("password",), has_password(stored), renewed
    )
    await limits.succeeded(tried)
    return signed_in_now


def has_password(password_hash: str | None) -> Callable[[UserRecord], bool]:
    """Whether a user still has the password of this hash."""
    return lambda found: found.account.password_hash == password_hash


def is_known_device(client: Client, email: str) -> bool:
    """Whether the client proves that it has signed in with this address before."""
    return devices.is_known(client.header(devices.HEADER), email)


async def owner_of(email: str) -> UserRecord | None:
    """What is kept of the user whose address this is. Two round trips, also when it is nobody's."""
    record = await store.read_user_by_email(email)
    owns = record is not None and policy.owns(record.account, reservation_key(email))
    return record if owns else None


async def _renewed_hash(account: Account, password: str) -> str | None:
    """The hash by today's parameters, if what is stored has older ones. A full queue leaves it to later."""
    if not account.password_hash or not passwords.is_outdated(account.password_hash):
        return None
    try:
        return await passwords.hash_password(password)
    except TooManyHashes:
        return None


async def sign_in(  # noqa: PLR0913, PLR0917 - each is one fact of a sign-in
    record: UserRecord,
    client: Client,
    kind: SessionKind,
    methods: tuple[Method, ...],
    still_holds: Callable[[UserRecord], bool] = lambda _: True,
    password_hash: str | None = None,
) -> SignedIn | SecondFactorNeeded:
    """Begin a session of a user who has proved who he is, or a flow for the second factor that he has.

    `still_holds` says whether what he has proved is his when it is written: a password may have changed, an
    identity been unlinked. One round trip, and those of `start`. Raises as that does, InvalidCredentials,
    and EmailNotVerified where an address must be.
    """
    if must_confirm() and not record.account.email_verified_at:
        raise EmailNotVerified

    async def attempt(found: UserRecord) -> SignedIn | SecondFactorNeeded | None:
        if not still_holds(found):
            raise InvalidCredentials
        if found.has_second_factor and "passkey" not in methods:
            return await _second_factor(found, methods, password_hash)
        return await start(found, Change(found), client, kind, methods, password_hash)

    return await changed(record.user_id, attempt, record)


async def _second_factor(
    record: UserRecord, methods: tuple[Method, ...], password_hash: str | None
) -> SecondFactorNeeded:
    """Begin to wait for the second factor. One round trip."""
    known = {
        "user_id": record.user_id,
        "token_version": record.account.token_version,
        "methods": methods,
        "password_hash": password_hash,
    }
    return SecondFactorNeeded(
        ticket=await store.begin_flow("second_factor", known, policy.FLOW_LIFE),
        expires_in=int(policy.FLOW_LIFE.total_seconds()),
        factors=_factors_to_ask(record),
    )


def _factors_to_ask(record: UserRecord) -> list[Factor]:
    """By what the user can prove himself beside the first proof."""
    factors: list[Factor] = []
    if record.totp and record.totp.confirmed_at:
        factors.append("totp")
    if record.passkeys:
        factors.append("passkey")
    if record.recovery_codes and record.recovery_codes.digests:
        factors.append("recovery_code")
    return factors


async def start(  # noqa: PLR0913, PLR0917 - each is one fact of a session
    record: UserRecord,
    change: Change,
    client: Client,
    kind: SessionKind,
    methods: tuple[Method, ...],
    password_hash: str | None = None,
) -> SignedIn | None:
    """Begin a session, with what is in the change; an account that was to be erased is had back.

    None in a lost race. One round trip, two from a device that is new to a verified address (its owner gets
    a mail), two more where a browser's cookie had a session before, and one now and then for the signing
    keys.
    """
    ring, now = await signing.key_ring(), utcnow()
    account = record.account.model_copy(
        update={
            "signed_in_at": now,
            "erase_at": None,
            "password_hash": password_hash or record.account.password_hash,
        }
    )
    session = begin(change, account, client, kind, methods, now)
    change.put(account)
    change.remove(_outlived(record, now))
    replaced = _replaced(record, client)
    publish = end_sessions(change, record, replaced) if replaced else None
    _tell_owner(change, record.account, client)
    if not await change.commit():
        return None
    if publish:
        await publish()
    return signed_in(ring, account, session, now, record.memberships)


def _replaced(record: UserRecord, client: Client) -> list[Session]:
    """The session whose cookie this browser still sends: the new one takes its place (ASVS 7.2.4)."""
    try:
        claimed = refresh_tokens.decode(client.cookie(cookies.NAME) or "")
    except refresh_tokens.MalformedToken:
        return []
    held = record.session(claimed.session_id)
    return [held] if held and held.kind == "cookie" else []


def _tell_owner(change: Change, before: Account, client: Client) -> None:
    """What the owner is to know of a sign-in: that it undid the deletion, or came from a new device."""
    if before.erase_at:
        change.note(entry("account.deletion_undone", client))
    if before.email_verified_at and not is_known_device(client, before.email):
        tell_notice(
            change,
            before.email,
            "new_sign_in",
            device=client.user_agent or "unknown",
            address=client.address or "unknown",
        )


def _outlived(record: UserRecord, now: datetime) -> list[Session]:
    """Sessions that have ended by themselves, and the oldest of too many: its access token runs out."""
    dead = [each for each in record.sessions if not policy.is_live(each, record.account, now)]
    live = [each for each in record.sessions if each not in dead]
    live.sort(key=lambda each: each.rotated_at)
    return dead[: policy.MAX_SESSIONS] + live[: max(0, len(live) - policy.MAX_SESSIONS + 1)]


def begin(  # noqa: PLR0913, PLR0917 - each is one fact of a session
    change: Change,
    account: Account,
    client: Client,
    kind: SessionKind,
    methods: tuple[Method, ...],
    now: datetime,
) -> Session:
    """A new session, which is put into the change with its audit entry."""
    session_id = new_id("ses")
    session = Session(
        session_id=session_id,
        sealed_key=seal(secrets.token_bytes(_SESSION_KEY_BYTES), session_id),
        generation=account.generation,
        kind=kind,
        methods=methods,
        created_at=now,
        expires_at=now + policy.SESSION_LIFE,
        idle_expires_at=now + policy.SESSION_IDLE_LIFE,
        rotated_at=now,
        authenticated_at=now,
        address=client.address,
        user_agent=client.user_agent,
    )
    change.put(session)
    change.note(entry("session.started", client, session_id, methods=" ".join(methods)))
    return session


def signed_in(
    ring: KeyRing,
    account: Account,
    session: Session,
    now: datetime,
    memberships: Iterable[Membership],
) -> SignedIn:
    """What a device gets whose session has begun, or goes on."""
    key = unseal(session.sealed_key, session.session_id)
    return SignedIn(
        user=user_of(account),
        access_token=signing.access_token(ring, account, session, now, memberships),
        expires_in=ACCESS_SECONDS,
        refresh_token=refresh_tokens.encode(
            account.user_id, session.session_id, session.counter, key
        ),
        device_token=devices.device_token(account.email, now),
    )


def user_of(account: Account) -> User:
    """An account as its owner sees it."""
    return User(
        id=account.user_id,
        email=account.email,
        email_verified=account.email_verified_at is not None,
        display_name=account.display_name,
        created_at=account.created_at,
        roles=list(account.roles),
        erase_at=account.erase_at,
    )


async def sessions_of(actor: Actor) -> list[SessionInfo]:
    """The caller's live sessions, the last seen first. One round trip."""
    record = await record_of(actor)
    now = utcnow()
    live = [each for each in record.sessions if policy.is_live(each, record.account, now)]
    live.sort(key=lambda each: each.rotated_at, reverse=True)
    return [info_of(each, actor) for each in live]


async def record_of(actor: Actor) -> UserRecord:
    """What is kept of the caller. One round trip. Raises InvalidRefreshToken when he is gone."""
    record = await store.read_user(actor.user_id)
    if record is None:
        raise InvalidRefreshToken
    return record


def live_session(record: UserRecord, session_id: str) -> Session:
    """A session that goes on. Raises InvalidRefreshToken."""
    session = record.session(session_id)
    if session is None or not policy.is_live(session, record.account, utcnow()):
        raise InvalidRefreshToken
    return session


def info_of(session: Session, actor: Actor) -> SessionInfo:
    """A session as its user sees it."""
    return SessionInfo(
        id=session.session_id,
        current=session.session_id == actor.session_id,
        user_agent=session.user_agent,
        address=session.address,
        methods=list(session.methods),
        created_at=session.created_at,
        last_seen_at=session.rotated_at,
        expires_at=min(session.expires_at, session.idle_expires_at),
    )


async def log_out(actor: Actor, client: Client) -> None:
    """End the caller's session; fine when it has ended. Round trips as `end_one`."""
    with suppress(NoSuchSession):
        await end_one(actor, actor.session_id, client)


async def end_one(actor: Actor, session_id: str, client: Client) -> None:
    """End one of the caller's sessions. Four or five round trips. Raises NoSuchSession."""

    async def attempt(record: UserRecord) -> Literal[True] | None:
        session = record.session(session_id)
        if session is None:
            raise NoSuchSession
        change = Change(record)
        publish = end_sessions(change, record, [session])
        change.note(entry("session.ended", client, session_id))
        return await committed(change, publish)

    await changed(actor.user_id, attempt)


async def end_others(actor: Actor, client: Client) -> None:
    """End all of the caller's sessions but this one. Round trips as `end_one`."""

    async def attempt(record: UserRecord) -> Literal[True] | None:
        others = [each for each in record.sessions if each.session_id != actor.session_id]
        change = Change(record)
        publish = end_sessions(change, record, others)
        change.note(entry("session.others_ended", client, actor.session_id))
        return await committed(change, publish)

    await changed(actor.user_id, attempt)


async def end_all(user_id: str, client: Client) -> None:
    """End all sessions of a user, and all his access tokens. Round trips as `end_one`."""

    async def attempt(record: UserRecord) -> Literal[True] | None:
        account = all_ended(record.account)
        change = Change(record)
        publish = end_sessions(change, record, record.sessions, account)
        change.put(account)
        change.note(entry("session.all_ended", client))
        return await committed(change, publish)

    await changed(user_id, attempt)

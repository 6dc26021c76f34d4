"""What can be done with accounts: register, log in, see oneself; and the keys that verify tokens.

Invariants: the account row is the last write of a registration, so that one which fails halfway leaves
nothing that can log in; and a login does the same work for an unknown address as for a wrong password.
"""

import hashlib
import secrets
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from functions.auth import passwords, policy, refresh_tokens, signing, store
from functions.auth.emails import reservation_key
from functions.auth.errors import (
    EmailTaken,
    InvalidCredentials,
    NoSuchAccount,
    RegistrationUnsettled,
    TooManyHashes,
)
from functions.auth.keys import KeyRing
from functions.auth.models import (
    Account,
    Credentials,
    NewAccount,
    Reservation,
    Session,
    SignedIn,
    User,
)
from shared_code.actor import ADMIN, Actor
from shared_code.clock import utcnow
from shared_code.errors import Conflict, IdempotencyKeyReused, Unauthenticated
from shared_code.ids import new_id

_SESSION_KEY_BYTES = 32


async def register(new: NewAccount, idempotency_key: str | None) -> SignedIn:
    """Make an account and sign it in. A repeat with its key signs in to what the first try made.

    Storage: three round trips (reservation, session, account). Three as well when the address is
    taken; four for a repeat, and six when a reservation is taken over.
    Raises PasswordTooGuessable, EmailTaken, IdempotencyKeyReused, TooManyHashes.
    """
    policy.check_password(new.password, new.email, new.display_name)
    ring = await signing.key_ring()
    password_hash = await passwords.hash_password(new.password)
    now, started = utcnow(), time.monotonic()
    wanted = _reservation(new.email, idempotency_key, now)
    user_id, existing = await _reserve(wanted, now)
    if existing:
        return await _repeat(existing, new, ring)
    account = Account(user_id, new.email, new.display_name, password_hash, now)
    session = await _start_session(user_id, now)
    too_late = time.monotonic() - started > policy.REGISTRATION_SECONDS
    if too_late or not await store.add_account(account):
        raise RegistrationUnsettled
    return _signed_in(account, session, ring)


def _reservation(email: str, idempotency_key: str | None, now: datetime) -> Reservation:
    return Reservation(
        email_key=reservation_key(email),
        user_id=new_id("usr"),
        expires_at=now + policy.RESERVATION_LIFE,
        request=hashlib.sha256(idempotency_key.encode()).hexdigest() if idempotency_key else "",
    )


async def _reserve(wanted: Reservation, now: datetime) -> tuple[str, Account | None]:
    """The user id that the address is now reserved for, and the account if this request made it before.

    Raises EmailTaken.
    """
    held = await store.reserve(wanted)
    if held is None:
        return wanted.user_id, None
    holder = await store.find_account(held.user_id)
    if policy.is_repeat(held, wanted):
        if policy.owns(holder, wanted.email_key):
            return held.user_id, holder
        wanted = replace(wanted, user_id=held.user_id)  # finish what the first try began
    elif not policy.may_take_over(held, holder, now):
        raise EmailTaken
    if not await store.take_over(held, wanted):
        raise EmailTaken
    return wanted.user_id, None


async def _repeat(account: Account, new: NewAccount, ring: KeyRing) -> SignedIn:
    """Sign in to the account that the same request made before. Raises IdempotencyKeyReused."""
    same_body = (account.email, account.display_name) == (new.email, new.display_name)
    # The key alone proves nothing: whoever learns it must know the password too.
    if not await passwords.matches(new.password, account.password_hash) or not same_body:
        raise IdempotencyKeyReused
    return _signed_in(account, await _start_session(account.user_id, utcnow()), ring)


async def login(credentials: Credentials) -> SignedIn:
    """Sign in with a password.

    Storage: three round trips (reservation, account, session); two when refused, whether or not the
    account exists; one more when the hash is renewed. Raises InvalidCredentials, TooManyHashes.
    """
    ring = await signing.key_ring()
    account = await store.find_account_by_email(credentials.email)
    if not policy.owns(account, reservation_key(credentials.email)):
        account = None
    stored = account.password_hash if account else None
    if not await passwords.matches(credentials.password, stored) or account is None:
        raise InvalidCredentials
    if passwords.is_outdated(account.password_hash):
        await _renew_hash(account, credentials.password)
    session = await _start_session(account.user_id, utcnow())
    return _signed_in(account, session, ring)


async def _renew_hash(account: Account, password: str) -> None:
    """Hash again with today's parameters.

    A lost race means that another login did, or that the password was changed meanwhile: either way
    what is stored is newer than ours. When too many hashes wait, a later login renews it.
    """
    with suppress(TooManyHashes):
        await store.replace_password_hash(account, await passwords.hash_password(password))


async def current_user(actor: Actor) -> User:
    """The caller himself. Storage: one round trip. Raises Unauthenticated when the account is gone."""
    account = await store.find_account(actor.user_id)
    if account is None:
        raise Unauthenticated
    return _user(account)


async def make_admin(email: str) -> bool:
    """Give the account of an address the admin role; False when it has it.

    It stands in the tokens that are issued from then on. Storage: three round trips. Raises NoSuchAccount,
    Conflict when the account changed in the same moment.
    """
    account = await store.find_account_by_email(email)
    if account is None or not policy.owns(account, reservation_key(email)):
        raise NoSuchAccount(email)
    if ADMIN in account.roles:
        return False
    if not await store.replace_roles(account, (*account.roles, ADMIN)):
        raise Conflict
    return True


async def jwks_document() -> bytes:
    """The keys that verify access tokens. Storage: none while the process's copy is young, else one."""
    return (await signing.key_ring()).jwks()


async def _start_session(user_id: str, now: datetime) -> Session:
    session = Session(
        user_id=user_id,
        session_id=new_id("ses"),
        key=secrets.token_bytes(_SESSION_KEY_BYTES),
        counter=0,
        created_at=now,
        expires_at=now + policy.SESSION_LIFE,
        idle_expires_at=now + policy.SESSION_IDLE_LIFE,
    )
    await store.add_session(session)
    return session


def _signed_in(account: Account, session: Session, ring: KeyRing) -> SignedIn:
    user_id, session_id = session.user_id, session.session_id
    return SignedIn(
        user=_user(account),
        access_token=signing.access_token(
            ring, user_id, session_id, session.created_at, account.roles
        ),
        expires_in=int(policy.ACCESS_TOKEN_LIFE.total_seconds()),
        refresh_token=refresh_tokens.encode(user_id, session_id, session.counter, session.key),
    )


def _user(account: Account) -> User:
    return User(
        id=account.user_id,
        email=account.email,
        display_name=account.display_name,
        created_at=account.created_at,
        roles=list(account.roles),
    )

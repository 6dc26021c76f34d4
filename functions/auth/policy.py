"""The rules: whose an address is, how long things last, and when keys change.

Invariant: no input or output; every rule is a function of what it is given.
"""

from datetime import datetime, timedelta

from functions.auth import emails
from functions.auth.models import Account, CodePurpose, Reservation, Session

ACCESS_TOKEN_LIFE = timedelta(minutes=10)
SESSION_LIFE = timedelta(days=60)
SESSION_IDLE_LIFE = timedelta(days=14)

REFRESH_GRACE = timedelta(seconds=10)
"""How long after a rotation the token before still gives the same successor: its answer may be lost."""

MAX_SESSIONS = 50
"""Of one user; the oldest ends when another begins."""

ERASURE_GRACE = timedelta(days=14)
"""How long a deleted account can be had back, by signing in."""

MAIL_PAUSE = timedelta(seconds=60)
"""How soon another mail of the same purpose is sent."""

CODE_LIFE: dict[CodePurpose, timedelta] = {
    "verify_email": timedelta(hours=24),
    "confirm_new_email": timedelta(hours=1),
    "confirm_email_change": timedelta(hours=1),
    "reset_password": timedelta(minutes=30),
    "sign_in_link": timedelta(minutes=10),  # it signs in: ASVS 6.5.5
}

FLOW_LIFE = timedelta(minutes=5)
"""How long a second factor, a passkey or another provider is waited for (Warehouse: 300 s)."""

PROVIDER_FLOW_LIFE = timedelta(minutes=10)
"""How long another provider is waited for: some ask for a second factor, or a registration."""

MAX_PASSKEYS = 10
"""Of one account, as Supabase Auth has it."""

SIGNING_KEY_LIFE = timedelta(days=30)
"""How long a key signs: reference 1.5."""

KEY_RING_AGE = timedelta(seconds=60)
"""How old a process's copy of the signing keys gets: so long it signs with a key that was given up."""

KEY_RING_GRACE = timedelta(minutes=5)
"""How much longer the copy serves while the store does not answer."""

JWKS_MAX_AGE = timedelta(minutes=10)
"""How long verifiers outside may keep the answer of `auth/jwks.json`."""

ROTATION_PAUSE = KEY_RING_AGE + KEY_RING_GRACE + ACCESS_TOKEN_LIFE + JWKS_MAX_AGE
"""The time between two rotations, at least. The first three: the key before the current one has signed its
last token, and that token has ended. The first two and the last: no copy of the published keys is without
the next key.
"""

RESERVATION_LIFE = timedelta(minutes=5)
REGISTRATION_SECONDS = 30.0
"""How long after its reservation (by the monotonic clock) a registration may still write its account.

The write itself, with its retries, takes less than a minute. So the account exists, or never will, long
before the reservation can be taken over, also when two machines' clocks differ by minutes.
"""


def owns(account: Account | None, email_key: str) -> bool:
    """Whether this is the account that the address belongs to, and not one that once asked for it."""
    return account is not None and emails.reservation_key(account.email) == email_key


def can_sign_in_without(account: Account, identities: int, passkeys: int) -> bool:
    """Whether there is a way in when so many identities elsewhere are left; a confirmed address is one."""
    others = account.password_hash or account.email_verified_at or passkeys
    return bool(others) or identities > 0


def is_live(session: Session, account: Account, now: datetime) -> bool:
    """Whether the session goes on: its time is not over, and nothing has ended all of its generation."""
    is_over = now >= min(session.expires_at, session.idle_expires_at)
    return not is_over and session.generation == account.generation


def may_take_over(held: Reservation, holder: Account | None, now: datetime) -> bool:
    """Whether a reserved address is free again: its time is over and its account never appeared."""
    return held.expires_at <= now and not owns(holder, held.key)


def is_repeat(held: Reservation, wanted: Reservation) -> bool:
    """Whether both were made by the same request, sent again with its Idempotency-Key."""
    return bool(wanted.request) and held.request == wanted.request


def may_rotate_at(rotated_at: datetime, published_at: datetime) -> datetime:
    """When the keys may be rotated again: some time after they last were, and after they were published."""
    return max(rotated_at, published_at) + ROTATION_PAUSE


def rotation_is_due(rotated_at: datetime, now: datetime) -> bool:
    """Whether the current key has signed for long enough."""
    return now - rotated_at >= SIGNING_KEY_LIFE

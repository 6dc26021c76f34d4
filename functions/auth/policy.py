"""The rules: passwords, whose an address is, and how long things last.

Invariant: no input or output; every rule is a function of what it is given.
"""

from datetime import datetime, timedelta

from functions.auth import emails
from functions.auth.errors import PasswordTooGuessable
from functions.auth.models import Account, Reservation

ACCESS_TOKEN_LIFE = timedelta(minutes=10)
SESSION_LIFE = timedelta(days=60)
SESSION_IDLE_LIFE = timedelta(days=14)

RESERVATION_LIFE = timedelta(minutes=5)
REGISTRATION_SECONDS = 30.0
"""How long after its reservation (by the monotonic clock) a registration may still write its account.

The write itself, with its retries, takes less than a minute. So the account exists, or never will, long
before the reservation can be taken over, also when two machines' clocks differ by minutes.
"""


def check_password(password: str, email: str, display_name: str) -> None:
    """Raise PasswordTooGuessable when the password is the address, its local part or the name."""
    address = emails.canonical(email)
    known = {address, address.partition("@")[0], display_name.casefold()}
    if password.strip().casefold() in known:
        raise PasswordTooGuessable


def owns(account: Account | None, email_key: str) -> bool:
    """Whether this is the account that the address belongs to, and not one that once asked for it."""
    return account is not None and emails.reservation_key(account.email) == email_key


def may_take_over(held: Reservation, holder: Account | None, now: datetime) -> bool:
    """Whether a reserved address is free again: its time is over and its account never appeared."""
    return held.expires_at <= now and not owns(holder, held.email_key)


def is_repeat(held: Reservation, wanted: Reservation) -> bool:
    """Whether both were made by the same request, sent again with its Idempotency-Key."""
    return bool(wanted.request) and held.request == wanted.request

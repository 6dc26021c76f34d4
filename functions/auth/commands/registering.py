"""Registering.

Invariant: an account, its first session and its audit entries are written in one transaction, a
registration's last: one that fails before it leaves nothing that can sign in.
Two modes (AUTH_REGISTRATION): `direct`, the default, signs in at once and tells when an address is taken;
`confirmed` answers the same in every case, and what is to be said says a mail to the address's owner.
"""

import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Literal

from functions.auth import captcha, limits, password_rules, policy, signing, store
from functions.auth.codes import new_code
from functions.auth.commands.changing import changed, entry
from functions.auth.commands.mailing import tell_code, tell_notice
from functions.auth.commands.sessions import (
    begin,
    has_password,
    must_confirm,
    owner_of,
    sign_in,
    signed_in,
)
from functions.auth.emails import reservation_key
from functions.auth.errors import EmailTaken, RegistrationUnsettled
from functions.auth.models import (
    Account,
    MailSent,
    NewAccount,
    Reservation,
    SecondFactorNeeded,
    Session,
    SignedIn,
)
from functions.auth.store import Change, UserRecord
from shared_code import passwords
from shared_code.clock import utcnow
from shared_code.endpoint import Client
from shared_code.errors import IdempotencyKeyReused, TooManyRequests
from shared_code.ids import new_id
from shared_code.text import digest


async def register(
    new: NewAccount, idempotency_key: str | None, client: Client
) -> SignedIn | SecondFactorNeeded | MailSent:
    """Make an account, sign it in, and send a mail to confirm the address.

    Where addresses must be confirmed first (AUTH_REGISTRATION) it signs nobody in, and the answer is the
    same when the address is taken: then its owner gets a mail.

    A repeat with its key signs in to what the first try made. Storage: four round trips (limit,
    reservation, mark, account), also when the address is taken; five for a repeat, and seven when a
    reservation is taken over. Raises TooManyRequests, CaptchaRequired, PasswordRefused, EmailTaken,
    IdempotencyKeyReused, TooManyHashes.
    """
    confirms = must_confirm()
    await captcha.check(client)
    await password_rules.check(new.password, new.email, new.display_name)
    await limits.before_registration(client)
    ring = await signing.key_ring()
    password_hash = await passwords.hash_password(new.password)
    now, started = utcnow(), time.monotonic()
    wanted = reservation_of(new.email, new_id("usr"), now, idempotency_key)
    try:
        user_id, existing = await reserve_address(wanted, now)
    except EmailTaken:
        if not confirms:
            raise
        await _tell_owner(new.email, client)
        return MailSent()
    if existing:
        return MailSent() if confirms else await _repeat(existing, new, client)
    account = Account(
        user_id=user_id,
        email=new.email,
        display_name=new.display_name,
        password_hash=password_hash,
        created_at=now,
        signed_in_at=now,
    )
    check_in_time(started)
    session = await _add(account, new, client, with_session=not confirms)
    return signed_in(ring, account, session, now, []) if session else MailSent()


async def _tell_owner(email: str, client: Client) -> None:
    """Tell the owner of an address that somebody wanted to register it, at most three times an hour."""

    async def attempt(found: UserRecord) -> Literal[True] | None:
        change = Change(found)
        tell_notice(change, email, "account_exists")
        return True if await change.commit() else None

    with suppress(TooManyRequests):
        key = reservation_key(email)
        await limits.before_mail(key, "account_exists", client, known_device=False)
        if record := await owner_of(email):
            await changed(record.user_id, attempt, record)


async def _add(
    account: Account, new: NewAccount, client: Client, *, with_session: bool
) -> Session | None:
    """Write the account in one transaction, with its first session or without.

    Raises RegistrationUnsettled when another try of the same registration was faster.
    """
    change = Change(UserRecord(account.user_id))
    change.put(account)
    change.note(entry("account.registered", client))
    code, sent = new_code(account.user_id, "verify_email", account.created_at)
    change.put(code)
    tell_code(change, account.email, "verify_email", sent)
    session = None
    if with_session:
        session = begin(change, account, client, new.session, ("password",), account.created_at)
    if not await change.commit():
        raise RegistrationUnsettled
    return session


def check_in_time(started: float) -> None:
    """Raise RegistrationUnsettled when what was reserved then may be taken over before this is written."""
    if time.monotonic() - started > policy.REGISTRATION_SECONDS:
        raise RegistrationUnsettled


def reservation_of(
    email: str, user_id: str, now: datetime, idempotency_key: str | None = None
) -> Reservation:
    """The reservation of an address for a user who is about to be."""
    return Reservation(
        key=reservation_key(email),
        user_id=user_id,
        expires_at=now + policy.RESERVATION_LIFE,
        request=digest(idempotency_key) if idempotency_key else "",
    )


async def reserve_address(wanted: Reservation, now: datetime) -> tuple[str, UserRecord | None]:
    """The user id that the address is now reserved for, and what this request made of it before.

    Raises EmailTaken.
    """
    held = await store.reserve(wanted)
    if held is None:
        return wanted.user_id, None
    holder = await store.read_user(held.user_id)
    account = holder.account if holder else None
    if policy.is_repeat(held, wanted):
        if policy.owns(account, wanted.key):
            return held.user_id, holder
        wanted = replace(wanted, user_id=held.user_id)  # finish what the first try began
    elif not policy.may_take_over(held, account, now):
        raise EmailTaken
    if not await store.take_over(held, wanted):
        raise EmailTaken
    return wanted.user_id, None


async def _repeat(
    record: UserRecord, new: NewAccount, client: Client
) -> SignedIn | SecondFactorNeeded:
    """Sign in to the account that the same request made before. Raises IdempotencyKeyReused."""
    account = record.account
    same_body = (account.email, account.display_name) == (new.email, new.display_name)
    # The key alone proves nothing: whoever learns it must know the password too.
    if not await passwords.matches(new.password, account.password_hash) or not same_body:
        raise IdempotencyKeyReused
    still_holds = has_password(account.password_hash)
    return await sign_in(record, client, new.session, ("password",), still_holds)

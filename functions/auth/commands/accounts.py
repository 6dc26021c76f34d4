"""Accounts: making one, seeing and changing oneself, leaving; and the keys that verify tokens.

Invariant: an account, its first session and its audit entry are written in one transaction, a
registration's last: one that fails before it leaves nothing that can sign in.
"""

import hashlib
import time
from dataclasses import replace
from datetime import datetime

from functions.auth import captcha, limits, password_rules, passwords, policy, signing, store
from functions.auth.codes import new_code
from functions.auth.commands.changing import NO_CLIENT, changed, entry
from functions.auth.commands.mailing import tell_code
from functions.auth.commands.sessions import (
    begin,
    end_all,
    info_of,
    owner_of,
    sign_in,
    signed_in,
    user_of,
)
from functions.auth.emails import reservation_key
from functions.auth.errors import EmailTaken, NoSuchAccount, RegistrationUnsettled
from functions.auth.keys import KeyRing
from functions.auth.models import (
    Account,
    AuditEntry,
    Export,
    NewAccount,
    ProfileChange,
    Reservation,
    SignedIn,
    User,
)
from functions.auth.store import Change, UserRecord
from shared_code.actor import ADMIN, Actor
from shared_code.clock import utcnow
from shared_code.endpoint import Client
from shared_code.errors import IdempotencyKeyReused
from shared_code.ids import new_id

_AUDIT_PAGE = 500


async def register(new: NewAccount, idempotency_key: str | None, client: Client) -> SignedIn:
    """Make an account, sign it in, and send a mail to confirm the address.

    A repeat with its key signs in to what the first try made. Storage: four round trips (limit,
    reservation, mark, account), also when the address is taken; five for a repeat, and seven when a
    reservation is taken over. Raises TooManyRequests, CaptchaRequired, PasswordRefused, EmailTaken,
    IdempotencyKeyReused, TooManyHashes.
    """
    await captcha.check(client)
    await password_rules.check(new.password, new.email, new.display_name)
    await limits.before_registration(client)
    ring = await signing.key_ring()
    password_hash = await passwords.hash_password(new.password)
    now, started = utcnow(), time.monotonic()
    wanted = _reservation(new.email, idempotency_key, now)
    user_id, existing = await _reserve(wanted, now)
    if existing:
        return await _repeat(existing, new, client)
    account = Account(
        user_id=user_id,
        email=new.email,
        display_name=new.display_name,
        password_hash=password_hash,
        created_at=now,
        signed_in_at=now,
    )
    too_late = time.monotonic() - started > policy.REGISTRATION_SECONDS
    made = None if too_late else await _add(account, new, client, ring)
    if made is None:
        raise RegistrationUnsettled
    return made


async def _add(account: Account, new: NewAccount, client: Client, ring: KeyRing) -> SignedIn | None:
    """The account in one transaction; None when another try of the same registration was faster."""
    change = Change(UserRecord(account.user_id))
    session = begin(change, account, client, new.session, ("password",), account.created_at)
    change.put(account)
    change.note(entry("account.registered", client, session.session_id))
    code, sent = new_code(account.user_id, "verify_email", account.created_at)
    change.put(code)
    tell_code(change, account.email, "verify_email", sent)
    if not await change.commit():
        return None
    return signed_in(ring, account, session, account.created_at)


def _reservation(email: str, idempotency_key: str | None, now: datetime) -> Reservation:
    return Reservation(
        email_key=reservation_key(email),
        user_id=new_id("usr"),
        expires_at=now + policy.RESERVATION_LIFE,
        request=hashlib.sha256(idempotency_key.encode()).hexdigest() if idempotency_key else "",
    )


async def _reserve(wanted: Reservation, now: datetime) -> tuple[str, UserRecord | None]:
    """The user id that the address is now reserved for, and what this request made of it before.

    Raises EmailTaken.
    """
    held = await store.reserve(wanted)
    if held is None:
        return wanted.user_id, None
    holder = await store.read_user(held.user_id)
    account = holder.account if holder else None
    if policy.is_repeat(held, wanted):
        if policy.owns(account, wanted.email_key):
            return held.user_id, holder
        wanted = replace(wanted, user_id=held.user_id)  # finish what the first try began
    elif not policy.may_take_over(held, account, now):
        raise EmailTaken
    if not await store.take_over(held, wanted):
        raise EmailTaken
    return wanted.user_id, None


async def _repeat(record: UserRecord, new: NewAccount, client: Client) -> SignedIn:
    """Sign in to the account that the same request made before. Raises IdempotencyKeyReused."""
    account = record.account
    same_body = (account.email, account.display_name) == (new.email, new.display_name)
    # The key alone proves nothing: whoever learns it must know the password too.
    if not await passwords.matches(new.password, account.password_hash) or not same_body:
        raise IdempotencyKeyReused
    return await sign_in(record, client, new.session, ("password",))


async def current_user(actor: Actor) -> User:
    """The caller himself. Storage: one round trip. Raises Unauthenticated when the account is gone."""

    async def attempt(record: UserRecord) -> User:
        return user_of(record.account)

    return await changed(actor.user_id, attempt)


async def change_profile(actor: Actor, body: ProfileChange, client: Client) -> User:
    """Change what one is called. Storage: two round trips."""

    async def attempt(record: UserRecord) -> User | None:
        account = record.account.model_copy(update=body.model_dump(exclude_none=True))
        change = Change(record)
        change.put(account)
        change.note(entry("account.changed", client, actor.session_id))
        return user_of(account) if await change.commit() else None

    return await changed(actor.user_id, attempt)


async def audit(actor: Actor, after: str | None, limit: int) -> list[AuditEntry]:
    """What happened to the caller's account, newest first. One query."""
    return await store.read_audit(actor.user_id, after, limit)


async def export(actor: Actor) -> Export:
    """Everything that is kept of the caller, save secrets. A query, and one for each 500 audit entries."""

    async def attempt(record: UserRecord) -> Export:
        return Export(
            user=user_of(record.account),
            sessions=[info_of(each, actor) for each in record.sessions],
            passkeys=[each.name for each in record.passkeys],
            identities=[each.provider for each in record.identities],
            audit=await _whole_audit(actor.user_id),
        )

    return await changed(actor.user_id, attempt)


async def _whole_audit(user_id: str) -> list[AuditEntry]:
    found: list[AuditEntry] = []
    while page := await store.read_audit(user_id, found[-1].id if found else None, _AUDIT_PAGE):
        found += page
    return found


async def make_admin(email: str) -> bool:
    """Give the account of an address the admin role; False when it has it.

    It stands in the tokens that are issued from then on. Storage: three round trips. Raises NoSuchAccount.
    """
    found = await owner_of(email)
    if found is None:
        raise NoSuchAccount(email)

    async def attempt(record: UserRecord) -> bool | None:
        if ADMIN in record.account.roles:
            return False
        change = Change(record)
        change.put(record.account.model_copy(update={"roles": (*record.account.roles, ADMIN)}))
        change.note(entry("account.admin_made", NO_CLIENT))
        return True if await change.commit() else None

    return await changed(found.user_id, attempt, found)


async def end_sessions(email: str) -> None:
    """Sign the account of an address out everywhere. Storage: six round trips. Raises NoSuchAccount."""
    found = await owner_of(email)
    if found is None:
        raise NoSuchAccount(email)
    await end_all(found.user_id, NO_CLIENT)


async def jwks_document() -> bytes:
    """The keys that verify access tokens. Storage: none while the process's copy is young, else one."""
    return (await signing.key_ring()).jwks()

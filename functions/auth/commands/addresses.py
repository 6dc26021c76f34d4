"""Addresses: proving that one is one's own, and changing it.

Invariants: an address is changed when both have confirmed, the new one and, if it was proven, the old one;
only then is it reserved, and the old one given up. Whether another account has the new address is not told:
its owner gets a mail.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Literal

from functions.auth import codes, limits, policy, store
from functions.auth.codes import Claim, claim_of, new_code
from functions.auth.commands.changing import changed, entry
from functions.auth.commands.mailing import tell_code, tell_notice
from functions.auth.commands.sessions import owner_of, user_of
from functions.auth.emails import reservation_key
from functions.auth.errors import InvalidCode
from functions.auth.models import Code, CodePurpose, Reservation, User
from functions.auth.store import Change, UserRecord
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.endpoint import Client

_CHANGE: tuple[CodePurpose, ...] = ("confirm_new_email", "confirm_email_change")


async def send_verification(actor: Actor, client: Client) -> None:
    """Send another mail to confirm the address; nothing when it is confirmed, or one was just sent.

    Five round trips. Raises TooManyRequests.
    """
    await limits.before_mail(actor.user_id, "verify_email", client, known_device=True)

    async def attempt(record: UserRecord) -> Literal[True] | None:
        now, before = utcnow(), record.code("verify_email")
        is_soon = before is not None and now - before.sent_at < policy.MAIL_PAUSE
        if record.account.email_verified_at or is_soon:
            return True
        code, sent = new_code(record.user_id, "verify_email", now)
        change = Change(record)
        change.put(code)
        tell_code(change, record.account.email, "verify_email", sent)
        return True if await change.commit() else None

    await changed(actor.user_id, attempt)


async def verify_by_link(token: str, client: Client) -> User:
    """Confirm the address with the link of the mail; whoever opens it need not be signed in.

    Two round trips. Raises InvalidCode.
    """
    return await _by_link(token, ("verify_email",), client)


async def verify_by_digits(actor: Actor, digits: str, client: Client) -> User:
    """Confirm the address with the digits of the mail. Three round trips. Raises InvalidCode."""
    return await by_digits(
        actor.user_id, "verify_email", digits, lambda record, code: _confirm(record, code, client)
    )


async def ask_change(actor: Actor, email: str, client: Client) -> None:
    """Send what is needed to change the address: to the new one, and to the old one if it is confirmed.

    The answer is the same when another account has the address. Eight round trips. Raises TooManyRequests.
    """
    await limits.before_mail(
        reservation_key(email), "confirm_new_email", client, known_device=False
    )
    taken = await owner_of(email)

    async def attempt(record: UserRecord) -> Literal[True] | None:
        now, change = utcnow(), Change(record)
        new, sent = new_code(record.user_id, "confirm_new_email", now, value=email)
        change.put(new)
        if taken is None:
            tell_code(change, email, "confirm_new_email", sent)
        elif taken.user_id != record.user_id:
            tell_notice(change, email, "account_exists")
        old, sent = new_code(record.user_id, "confirm_email_change", now, value=email)
        if record.account.email_verified_at:
            tell_code(change, record.account.email, "confirm_email_change", sent, new_email=email)
        else:
            old = old.model_copy(update={"confirmed": True})
        change.put(old)
        change.note(entry("email.change_asked", client, actor.session_id))
        return True if await change.commit() else None

    await changed(actor.user_id, attempt)


async def confirm_change_by_link(token: str, client: Client) -> User:
    """Confirm a change of address from either side. Two to six round trips. Raises InvalidCode."""
    return await _by_link(token, _CHANGE, client)


async def confirm_change_by_digits(
    actor: Actor, side: Literal["new", "old"], digits: str, client: Client
) -> User:
    """As the link, with the digits of the mail to the new or the old address. Raises InvalidCode."""
    purpose: CodePurpose = "confirm_new_email" if side == "new" else "confirm_email_change"
    return await by_digits(
        actor.user_id, purpose, digits, lambda record, code: _confirm(record, code, client)
    )


async def _by_link(token: str, purposes: tuple[CodePurpose, ...], client: Client) -> User:
    claim = claim_of(token)
    record = await store.read_user(claim.user_id)
    if record is None:
        raise InvalidCode

    async def attempt(found: UserRecord) -> User | None:
        return await _confirm(found, proven(found, claim, purposes), client)

    return await changed(record.user_id, attempt, record)


def proven(
    record: UserRecord, claim: Claim, purposes: tuple[CodePurpose, ...], browser: str = ""
) -> Code:
    """The code that the claim proves. Raises InvalidCode."""
    for purpose in purposes:
        code = record.code(purpose)
        if code and codes.proves(record.user_id, code, utcnow(), claim, browser):
            return code
    raise InvalidCode


async def by_digits[Result](
    user_id: str,
    purpose: CodePurpose,
    digits: str,
    confirm: Callable[[UserRecord, Code], Awaitable[Result | None]],
    browser: str = "",
) -> Result:
    """What `confirm` gives for the code of these digits. The try is counted before they are looked at.

    One from another browser than the one that asked does not count: a stranger must not use up the tries.
    One round trip more than for a link. Raises InvalidCode.
    """

    async def count(record: UserRecord) -> Code | None:
        code = record.code(purpose)
        if code is None or not codes.may_try(code, utcnow()):
            raise InvalidCode
        if not codes.is_from(user_id, code, browser):
            raise InvalidCode
        change = Change(record)
        change.put(code.model_copy(update={"tries": code.tries + 1}))
        return code if await change.commit() else None

    async def attempt(record: UserRecord) -> Result | None:
        code = record.code(purpose)
        if code is None or code.sealed != tried.sealed:
            raise InvalidCode
        return await confirm(record, code)

    tried = await changed(user_id, count)
    if not codes.fits(user_id, tried, digits):
        raise InvalidCode
    return await changed(user_id, attempt)


async def _confirm(record: UserRecord, code: Code, client: Client) -> User | None:
    """Do what the code is for; None in a lost race."""
    if code.purpose == "verify_email":
        return await _verify(record, code, client)
    confirmed = code.model_copy(update={"confirmed": True})
    other = record.code(_CHANGE[1 - _CHANGE.index(code.purpose)])
    if other is None or not other.confirmed or other.value != code.value:
        change = Change(record)
        change.put(confirmed)
        return user_of(record.account) if await change.commit() else None
    return await _change_address(record, [code, other], str(code.value), client)


async def _verify(record: UserRecord, code: Code, client: Client) -> User | None:
    account = record.account.model_copy(update={"email_verified_at": utcnow()})
    change = Change(record)
    change.put(account)
    change.remove([code])
    change.note(entry("email.verified", client))
    return user_of(account) if await change.commit() else None


async def _change_address(
    record: UserRecord, used: list[Code], email: str, client: Client
) -> User | None:
    """Reserve the new address, write it, give the old one up. Raises InvalidCode when it is taken by now."""
    now, before = utcnow(), record.account.email
    wanted = Reservation(reservation_key(email), record.user_id, now + policy.RESERVATION_LIFE)
    await _take(wanted)
    account = record.account.model_copy(update={"email": email, "email_verified_at": now})
    change = Change(record)
    change.put(account)
    change.remove(used)
    change.note(entry("email.changed", client))
    tell_notice(change, before, "email_changed")
    if not await change.commit():
        return None
    if reservation_key(before) != wanted.key:
        await store.release(reservation_key(before), record.user_id)
    return user_of(account)


async def _take(wanted: Reservation) -> None:
    """Reserve an address that is free, or was reserved for nobody who came. Raises InvalidCode."""
    held = await store.reserve(wanted)
    if held is None or held.user_id == wanted.user_id:
        return
    holder = await store.read_user(held.user_id)
    account = holder.account if holder else None
    free = policy.may_take_over(held, account, utcnow())
    if not free or not await store.take_over(held, replace(wanted, version=None)):
        raise InvalidCode

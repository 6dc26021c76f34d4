"""Signing in by a link, or digits, from a mail.

Invariants: both are worth nothing without the secret that the asking browser keeps (`browser`), so a link
that somebody else opens, or makes a victim open, signs nobody in; they are used once; whether an address
has an account is never told, neither by the answer nor by what is kept.
"""

import secrets
from typing import Literal

from functions.auth import captcha, limits, policy, store
from functions.auth.codes import claim_of, new_code
from functions.auth.commands.addresses import by_digits, proven
from functions.auth.commands.changing import changed, entry
from functions.auth.commands.mailing import tell_code
from functions.auth.commands.sessions import is_known_device, owner_of, sign_in
from functions.auth.emails import reservation_key
from functions.auth.errors import InvalidCode
from functions.auth.models import Code, LinkAsked, LinkSignIn, SecondFactorNeeded, SignedIn
from functions.auth.store import Change, UserRecord
from shared_code.clock import utcnow
from shared_code.endpoint import Client

_BROWSER_BYTES = 32


async def ask(email: str, client: Client) -> LinkAsked:
    """Send a link and digits to sign in with, if the address has an account, at most one a minute.

    Two round trips, and two more when there is one; and those of limits.before_mail. Raises
    TooManyRequests, CaptchaRequired, whether or not there is one.
    """
    await captcha.check(client)
    known = is_known_device(client, email)
    await limits.before_mail(reservation_key(email), "sign_in_link", client, known_device=known)
    browser = secrets.token_urlsafe(_BROWSER_BYTES)
    record = await owner_of(email)
    if record:
        await _send(record, browser, client)
    return LinkAsked(
        browser=browser, expires_in=int(policy.CODE_LIFE["sign_in_link"].total_seconds())
    )


async def _send(record: UserRecord, browser: str, client: Client) -> None:
    async def attempt(found: UserRecord) -> Literal[True] | None:
        now, before = utcnow(), found.code("sign_in_link")
        if before is not None and now - before.sent_at < policy.MAIL_PAUSE:
            return True
        code, sent = new_code(found.user_id, "sign_in_link", now, browser=browser)
        change = Change(found)
        change.put(code)
        change.note(entry("sign_in_link.asked", client))
        tell_code(change, found.account.email, "sign_in_link", sent)
        return True if await change.commit() else None

    await changed(record.user_id, attempt, record)


async def sign_in_with(body: LinkSignIn, client: Client) -> SignedIn | SecondFactorNeeded:
    """Sign in with what came by mail. Four round trips, one or two more for digits. Raises InvalidCode."""

    async def spend(record: UserRecord, code: Code) -> UserRecord | None:
        change = Change(record)
        change.remove([code])
        account = record.account
        # Who reads its mail has proved the address.
        verified = account.email_verified_at or utcnow()
        change.put(account.model_copy(update={"email_verified_at": verified}))
        return record if await change.commit() else None

    async def by_link(record: UserRecord) -> UserRecord | None:
        return await spend(record, proven(record, claim, ("sign_in_link",), body.browser))

    if body.token is not None:
        claim = claim_of(body.token)
        record = await store.read_user(claim.user_id)
        if record is None:
            raise InvalidCode
        spent = await changed(record.user_id, by_link, record)
    else:
        tried = await limits.before_code(reservation_key(body.email or ""), client)
        record = await owner_of(body.email or "")
        if record is None or body.digits is None:
            raise InvalidCode
        spent = await by_digits(record.user_id, "sign_in_link", body.digits, spend, body.browser)
        await limits.succeeded(tried)
    fresh = await store.read_user(spent.user_id)
    if fresh is None:
        raise InvalidCode
    return await sign_in(fresh, client, body.session, ("email",))

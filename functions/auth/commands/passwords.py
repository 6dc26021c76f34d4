"""Passwords: changing, forgetting, setting anew.

Invariants: a changed password ends every other session, and every access token that is out; setting it anew
signs nobody in, and ends all sessions; whether an address has an account is never told.
"""

from typing import Literal

from functions.auth import captcha, limits, password_rules, policy, signing, store
from functions.auth.codes import claim_of, new_code
from functions.auth.commands.addresses import proven
from functions.auth.commands.changing import all_ended, changed, committed, end_sessions, entry
from functions.auth.commands.mailing import tell_code, tell_notice
from functions.auth.commands.proving import check_password
from functions.auth.commands.sessions import is_known_device, owner_of, signed_in
from functions.auth.emails import reservation_key
from functions.auth.errors import InvalidCode, WrongPassword
from functions.auth.models import NewPasswordOfOne, PasswordReset, SessionKind, SignedIn
from functions.auth.store import Change, UserRecord
from shared_code import passwords
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.endpoint import Client
from shared_code.errors import Unauthenticated


async def change_password(
    actor: Actor, body: NewPasswordOfOne, client: Client
) -> tuple[SignedIn, SessionKind]:
    """Change the password, given the current one; the caller's session goes on, with new tokens.

    Two hashes, six round trips. Raises WrongPassword, PasswordTooGuessable, TooManyHashes.
    """
    record = await store.read_user(actor.user_id)
    if record is None:
        raise Unauthenticated
    await _check(body.new_password, record)
    current = record.account.password_hash
    await check_password(actor, body.current_password, current)
    password_hash = await passwords.hash_password(body.new_password)
    ring = await signing.key_ring()

    async def attempt(found: UserRecord) -> tuple[SignedIn, SessionKind] | None:
        session = found.session(actor.session_id)
        if found.account.password_hash != current or session is None:
            raise WrongPassword
        now = utcnow()
        account = all_ended(found.account, password_hash=password_hash, password_changed_at=now)
        kept = session.model_copy(
            update={
                "generation": account.generation,
                "counter": session.counter + 1,
                "rotated_at": now,
                # Alone it is no proof where there is a second factor.
                "authenticated_at": session.authenticated_at if found.has_second_factor else now,
            }
        )
        change = Change(found)
        others = [each for each in found.sessions if each.session_id != kept.session_id]
        publish = end_sessions(change, found, others, account)
        change.put(account)
        change.put(kept)
        change.note(entry("password.changed", client, kept.session_id))
        tell_notice(change, account.email, "password_changed")
        done = await committed(change, publish)
        return (signed_in(ring, account, kept, now, found.memberships), kept.kind) if done else None

    return await changed(record.user_id, attempt, record)


async def _check(password: str, record: UserRecord) -> None:
    account = record.account
    await password_rules.check(password, account.email, account.display_name, field="new_password")


async def forgot_password(email: str, client: Client) -> None:
    """Send a link to set a new password, if the address has an account, at most one a minute.

    Two round trips, and two more when there is one; and those of limits.before_mail. Raises
    TooManyRequests, CaptchaRequired, whether or not there is one.
    """
    await captcha.check(client)
    known = is_known_device(client, email)
    await limits.before_mail(reservation_key(email), "reset_password", client, known_device=known)
    record = await owner_of(email)
    if record is None:
        return

    async def attempt(found: UserRecord) -> Literal[True] | None:
        now, before = utcnow(), found.code("reset_password")
        if before is not None and now - before.sent_at < policy.MAIL_PAUSE:
            return True
        code, sent = new_code(found.user_id, "reset_password", now)
        change = Change(found)
        change.put(code)
        change.note(entry("password.reset_asked", client))
        tell_code(change, found.account.email, "reset_password", sent)
        return True if await change.commit() else None

    await changed(record.user_id, attempt, record)


async def reset_password(body: PasswordReset, client: Client) -> None:
    """Set a new password with the link of the mail; it ends all sessions and signs nobody in.

    It proves the address as well. One hash, five round trips. Raises InvalidCode, PasswordTooGuessable.
    """
    claim = claim_of(body.token)
    record = await store.read_user(claim.user_id)
    if record is None:
        raise InvalidCode
    proven(record, claim, ("reset_password",))
    await _check(body.new_password, record)
    password_hash = await passwords.hash_password(body.new_password)

    async def attempt(found: UserRecord) -> Literal[True] | None:
        code, now = proven(found, claim, ("reset_password",)), utcnow()
        account = all_ended(
            found.account,
            password_hash=password_hash,
            password_changed_at=now,
            email_verified_at=found.account.email_verified_at or now,
        )
        change = Change(found)
        publish = end_sessions(change, found, found.sessions, account)
        change.put(account)
        change.remove([code])
        change.note(entry("password.reset", client))
        tell_notice(change, account.email, "password_changed")
        return await committed(change, publish)

    await changed(record.user_id, attempt, record)

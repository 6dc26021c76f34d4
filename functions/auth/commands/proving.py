"""Proving who one is with a second factor: to finish a sign-in, and to step up.

Invariants: one counter stands over all factors of an account, and a try is counted before it is looked at; a
factor is spent in the transaction of what it opens (digits by their step, a recovery code by leaving the
list, a passkey by its counter), so of two parallel uses one succeeds.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Literal

from functions.auth import limits, passkeys, recovery_codes, signing, store, totp
from functions.auth.commands.changing import changed, entry
from functions.auth.commands.sessions import (
    is_known_device,
    live_session,
    record_of,
    signed_in,
    start,
)
from functions.auth.errors import (
    InvalidTicket,
    SecondFactorRequired,
    WrongPassword,
    WrongSecondFactor,
)
from functions.auth.keys import KeyRing
from functions.auth.models import (
    FactorProof,
    Method,
    PasskeyAnswer,
    SecondFactorSignIn,
    SessionKind,
    SignedIn,
    StepUp,
)
from functions.auth.store import Change, UserRecord
from shared_code import passwords
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.endpoint import Client

type _Proven = tuple[SignedIn, SessionKind]
type Spend = Callable[[UserRecord, Change], Method]
"""Puts the spent factor into a change; which it was. Raises WrongSecondFactor."""


async def finish_sign_in(body: SecondFactorSignIn, client: Client) -> SignedIn:
    """Sign in with a ticket and a second factor.

    Five round trips, two more for a passkey; and those of limits.before_second_factor. Raises
    TooManyRequests, WrongSecondFactor (the ticket stays good), and InvalidTicket when its time is over, it
    has signed somebody in, or all sessions have been ended since.
    """
    known = await store.read_flow("second_factor", body.ticket)
    record = await store.read_user(known["user_id"]) if known else None
    if known is None or record is None:
        raise InvalidTicket
    is_taken = False

    async def attempt(found: UserRecord, spend: Spend) -> SignedIn | None:
        nonlocal is_taken
        if found.account.token_version != known["token_version"]:
            raise InvalidTicket
        change = Change(found)
        methods = (*known["methods"], spend(found, change))
        if not is_taken and await store.take_flow("second_factor", body.ticket) is None:
            raise InvalidTicket
        is_taken = True
        return await start(found, change, client, body.session, methods, known["password_hash"])

    return await _proved(record, body, client, attempt)


async def step_up(actor: Actor, body: StepUp, client: Client) -> tuple[SignedIn, SessionKind]:
    """Note that the caller has proved again who he is: by password, or by a second factor where he has one.

    His session goes on with new tokens, and its kind tells where the refresh token belongs.

    By password one hash and two round trips, by a factor two, two more for a passkey; and those of limits.

    Raises WrongPassword, SecondFactorRequired, WrongSecondFactor, TooManyRequests.
    """
    ring, record = await signing.key_ring(), await record_of(actor)
    if body.password is not None:
        if record.has_second_factor:  # whoever has stolen session and password must not get past it
            raise SecondFactorRequired
        await check_password(actor, body.password, record.account.password_hash)

    async def by_factor(found: UserRecord, spend: Spend) -> _Proven | None:
        change = Change(found)
        return await _stepped_up(found, change, actor, ring, client, spend(found, change))

    async def by_password(found: UserRecord) -> _Proven | None:
        return await _stepped_up(found, Change(found), actor, ring, client, "password")

    if body.password is not None:
        return await changed(record.user_id, by_password, record)
    return await _proved(record, body, client, by_factor)


async def check_password(actor: Actor, password: str, password_hash: str | None) -> None:
    """Raise WrongPassword when it is not the caller's, and as limits.before_password_proof. One hash."""
    tried = await limits.before_password_proof(actor.session_id)
    if not await passwords.matches(password, password_hash):
        raise WrongPassword
    await limits.succeeded(tried)


async def _stepped_up(  # noqa: PLR0913, PLR0917 - each is one fact of the proof
    record: UserRecord,
    change: Change,
    actor: Actor,
    ring: KeyRing,
    client: Client,
    method: Method,
) -> _Proven | None:
    """The caller's session, proven anew by this method, with its next tokens (ASVS 7.2.4). One round trip."""
    session, now = live_session(record, actor.session_id), utcnow()
    proven = session.model_copy(
        update={
            "authenticated_at": now,
            "methods": (*session.methods, *({method} - {*session.methods})),
            "counter": session.counter + 1,
            "rotated_at": now,
        }
    )
    change.put(proven)
    change.note(entry("session.stepped_up", client, session.session_id, method=method))
    if not await change.commit():
        return None
    return signed_in(ring, record.account, proven, now, record.memberships), proven.kind


async def _proved[Result](
    record: UserRecord,
    proof: FactorProof,
    client: Client,
    attempt: Callable[[UserRecord, Spend], Awaitable[Result | None]],
) -> Result:
    """What the attempt gives, which is to spend the factor. The try is counted; a failure is audited."""
    known = is_known_device(client, record.account.email)
    tried = await limits.before_second_factor(record.user_id, client, known_device=known)
    challenge = ""

    def spend(found: UserRecord, change: Change) -> Method:
        method = _spent(found, change, proof, challenge, utcnow())
        if method is None:
            raise WrongSecondFactor
        if method == "recovery_code":
            change.note(entry("factor.recovery_code_used", client))
        return method

    try:
        if proof.passkey:
            challenge = await _challenge(proof.passkey, record.user_id)
        result = await changed(record.user_id, lambda found: attempt(found, spend), record)
    except WrongSecondFactor:
        await _note_failure(record.user_id, proof, client)
        raise
    await limits.succeeded(tried)
    return result


async def _challenge(answer: PasskeyAnswer, user_id: str) -> str:
    """The challenge that this user was to sign, which is used up. Raises WrongSecondFactor."""
    known = await store.take_flow("passkey", answer.flow)
    if known is None or known["user_id"] != user_id:
        raise WrongSecondFactor
    return str(known["challenge"])


def _spent(
    record: UserRecord, change: Change, proof: FactorProof, challenge: str, now: datetime
) -> Method | None:
    """Put the spent factor into the change; which it was, None when it was wrong."""
    if proof.totp is not None:
        return _spent_totp(record, change, proof.totp, now)
    if proof.recovery_code is not None:
        kept = record.recovery_codes
        left = recovery_codes.spent(kept, proof.recovery_code) if kept else None
        if left is None:
            return None
        change.put(left)
        return "recovery_code"
    return _spent_passkey(record, change, proof.passkey, challenge, now)


def _spent_totp(record: UserRecord, change: Change, digits: str, now: datetime) -> Method | None:
    app = record.totp
    if app is None or app.confirmed_at is None:
        return None
    spent = totp.spent(record.user_id, app, digits, now)
    if spent is None:
        return None
    change.put(spent)
    return "totp"


def _spent_passkey(
    record: UserRecord,
    change: Change,
    answer: PasskeyAnswer | None,
    challenge: str,
    now: datetime,
) -> Method | None:
    passkey = record.passkey(answer.credential.get("id")) if answer else None
    if passkey is None or answer is None:
        return None
    used = passkeys.used(passkey, answer.credential, challenge, now, alone=False)
    if used is None:
        return None
    change.put(used)
    return "passkey"


async def _note_failure(user_id: str, proof: FactorProof, client: Client) -> None:
    async def attempt(record: UserRecord) -> Literal[True] | None:
        change = Change(record)
        change.note(entry("factor.failed", client, factor=proof.given[0]))
        return True if await change.commit() else None

    await changed(user_id, attempt)

"""Second factors: adding, seeing and removing an authenticator app, recovery codes and passkeys.

Invariants: a factor counts once it has been proved; with the first one come recovery codes, and with the last
one they go; each change is audited and told to the owner by mail. The routes that begin a change, or remove
something, want a recent proof of who one is.
"""

from typing import Any, Literal

from functions.auth import limits, passkeys, recovery_codes, store, totp
from functions.auth.commands.changing import changed, entry
from functions.auth.commands.mailing import tell_notice
from functions.auth.commands.sessions import is_known_device, record_of
from functions.auth.errors import (
    FactorExists,
    InvalidFlow,
    InvalidPasskey,
    NoSuchFactor,
    TooManyPasskeys,
    WrongSecondFactor,
)
from functions.auth.mails import product_name
from functions.auth.models import (
    AuditType,
    FactorAdded,
    Factors,
    NewPasskey,
    Passkey,
    PasskeyInfo,
    PasskeyOptions,
    RecoveryCodesMade,
    TotpSecret,
)
from functions.auth.policy import FLOW_LIFE, MAX_PASSKEYS
from functions.auth.store import Change, UserRecord
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.endpoint import Client
from shared_code.records import Stored

type _Kind = Literal["totp", "recovery_codes", "passkey"]
type _Became = Literal["added", "removed"]

_AUDITED: dict[tuple[_Kind, _Became], AuditType] = {
    ("totp", "added"): "factor.totp_added",
    ("totp", "removed"): "factor.totp_removed",
    ("passkey", "added"): "factor.passkey_added",
    ("passkey", "removed"): "factor.passkey_removed",
    ("recovery_codes", "added"): "factor.recovery_codes_made",
}


async def factors_of_actor(actor: Actor) -> Factors:
    """The caller's second factors. One round trip."""
    return factors_of(await record_of(actor))


def factors_of(record: UserRecord) -> Factors:
    """A user's second factors, as he sees them."""
    kept = record.recovery_codes
    return Factors(
        totp=bool(record.totp and record.totp.confirmed_at),
        recovery_codes_left=len(kept.digests) if kept else 0,
        passkeys=[info_of(each) for each in record.passkeys],
    )


def info_of(passkey: Passkey) -> PasskeyInfo:
    """A passkey as its owner sees it."""
    return PasskeyInfo(
        id=passkey.credential_id,
        name=passkey.name,
        created_at=passkey.created_at,
        last_used_at=passkey.last_used_at,
        backed_up=passkey.backed_up,
    )


async def begin_totp(actor: Actor) -> TotpSecret:
    """A new secret for an authenticator app, which counts when it is confirmed; one not confirmed goes.

    Two round trips. Raises FactorExists.
    """

    async def attempt(record: UserRecord) -> TotpSecret | None:
        if record.totp and record.totp.confirmed_at:
            raise FactorExists
        app, secret = totp.new_totp(record.user_id, utcnow())
        change = Change(record)
        change.put(app)
        uri = totp.uri_of(secret, record.account.email, product_name())
        made = TotpSecret(secret=secret, uri=uri, qr_svg=totp.qr_svg(uri))
        return made if await change.commit() else None

    return await changed(actor.user_id, attempt)


async def confirm_totp(actor: Actor, digits: str, client: Client) -> FactorAdded:
    """Let the app count, as it has shown the digits. Three round trips, and those of the limit.

    Raises NoSuchFactor when there is none to confirm, WrongSecondFactor, TooManyRequests.
    """
    record = await record_of(actor)
    known = is_known_device(client, record.account.email)
    tried = await limits.before_second_factor(actor.user_id, client, known_device=known)

    async def attempt(found: UserRecord) -> FactorAdded | None:
        app, now = found.totp, utcnow()
        if app is None or app.confirmed_at:
            raise NoSuchFactor
        spent = totp.spent(found.user_id, app, digits, now)
        if spent is None:
            raise WrongSecondFactor
        return await _added(found, spent.model_copy(update={"confirmed_at": now}), "totp", client)

    added = await changed(actor.user_id, attempt, record)
    await limits.succeeded(tried)
    return added


async def remove_totp(actor: Actor, client: Client) -> None:
    """Remove the authenticator app. Two or three round trips. Raises NoSuchFactor."""

    async def attempt(record: UserRecord) -> Literal[True] | None:
        return await _removed(record, record.totp, "totp", client)

    await changed(actor.user_id, attempt)


async def make_recovery_codes(actor: Actor, client: Client) -> RecoveryCodesMade:
    """New recovery codes in the place of the old ones. Two or three round trips.

    Raises NoSuchFactor where there is no factor whose loss they would mend.
    """

    async def attempt(record: UserRecord) -> RecoveryCodesMade | None:
        if not record.has_second_factor:
            raise NoSuchFactor("Add an authenticator app or a passkey first")
        kept, codes = recovery_codes.new_codes(utcnow())
        change = Change(record)
        change.put(kept)
        _tell(change, record, "recovery_codes", "added", client)
        return RecoveryCodesMade(recovery_codes=codes) if await change.commit() else None

    return await changed(actor.user_id, attempt)


async def begin_passkey(actor: Actor, client: Client) -> PasskeyOptions:
    """What a browser needs to make a passkey. Two round trips, and one for the limit.

    Raises TooManyPasskeys, TooManyRequests.
    """
    record = await record_of(actor)
    if len(record.passkeys) >= MAX_PASSKEYS:
        raise TooManyPasskeys
    options = passkeys.creation_options(record.account, record.passkeys)
    known = {"user_id": actor.user_id, "challenge": options["challenge"]}
    return await _options("passkey_registration", known, options, client)


async def _options(
    kind: store.FlowKind, known: dict[str, Any], options: dict[str, Any], client: Client
) -> PasskeyOptions:
    await limits.before_flow(client)
    flow = await store.begin_flow(kind, known, FLOW_LIFE)
    return PasskeyOptions(flow=flow, options=options, expires_in=int(FLOW_LIFE.total_seconds()))


async def request_passkey(
    user_id: str | None, allowed: list[Passkey], client: Client
) -> PasskeyOptions:
    """What a browser needs to sign with a passkey: this user's, or whoever's it is.

    One round trip, and one for the limit. Raises TooManyRequests.
    """
    options = passkeys.request_options(allowed, alone=user_id is None)
    known = {"user_id": user_id, "challenge": options["challenge"]}
    return await _options("passkey", known, options, client)


async def add_passkey(actor: Actor, body: NewPasskey, client: Client) -> FactorAdded:
    """Add the passkey that a browser has made. Four or five round trips.

    Raises InvalidFlow, InvalidPasskey, TooManyPasskeys.
    """
    known = await store.take_flow("passkey_registration", body.flow)
    if known is None or known["user_id"] != actor.user_id:
        raise InvalidFlow
    passkey = passkeys.made(body.credential, known["challenge"], body.name, utcnow())

    async def attempt(record: UserRecord) -> FactorAdded | None:
        if len(record.passkeys) >= MAX_PASSKEYS:
            raise TooManyPasskeys
        if passkey.row_key in record.rows:
            raise InvalidPasskey
        added = await _added(record, passkey, "passkey", client)
        return added.model_copy(update={"passkey": info_of(passkey)}) if added else None

    return await changed(actor.user_id, attempt)


async def rename_passkey(actor: Actor, passkey_id: str, name: str) -> PasskeyInfo:
    """Call a passkey something else. Two round trips. Raises NoSuchFactor."""

    async def attempt(record: UserRecord) -> PasskeyInfo | None:
        passkey = record.passkey(passkey_id)
        if passkey is None:
            raise NoSuchFactor
        renamed = passkey.model_copy(update={"name": name})
        change = Change(record)
        change.put(renamed)
        return info_of(renamed) if await change.commit() else None

    return await changed(actor.user_id, attempt)


async def remove_passkey(actor: Actor, passkey_id: str, client: Client) -> None:
    """Remove a passkey. Two or three round trips. Raises NoSuchFactor."""

    async def attempt(record: UserRecord) -> Literal[True] | None:
        return await _removed(record, record.passkey(passkey_id), "passkey", client)

    await changed(actor.user_id, attempt)


async def _added(
    record: UserRecord, factor: Stored, kind: Literal["totp", "passkey"], client: Client
) -> FactorAdded | None:
    """Write a factor, with recovery codes if there are none. None in a lost race."""
    change, codes = Change(record), None
    change.put(factor)
    if record.recovery_codes is None:
        kept, codes = recovery_codes.new_codes(utcnow())
        change.put(kept)
    _tell(change, record, kind, "added", client)
    return FactorAdded(recovery_codes=codes) if await change.commit() else None


async def _removed(
    record: UserRecord, factor: Stored | None, kind: Literal["totp", "passkey"], client: Client
) -> Literal[True] | None:
    """Remove a factor, and the recovery codes with the last one. None in a lost race."""
    if factor is None:
        raise NoSuchFactor
    rest = UserRecord(record.user_id, {k: v for k, v in record.rows.items() if k != factor.row_key})
    gone = [factor]
    if not rest.has_second_factor and record.recovery_codes:
        gone.append(record.recovery_codes)
    change = Change(record)
    change.remove(gone)
    _tell(change, record, kind, "removed", client)
    return True if await change.commit() else None


def _tell(
    change: Change, record: UserRecord, factor: _Kind, became: _Became, client: Client
) -> None:
    """Note in the audit log what became of a factor, and mail it to the owner."""
    change.note(entry(_AUDITED[factor, became], client))
    tell_notice(change, record.account.email, "second_factor_changed", factor=factor, change=became)

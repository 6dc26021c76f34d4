"""Identities elsewhere: linking, seeing and unlinking them.

Invariants: linking wants a proof of both sides, a recent one of who is signed in here and one of the
provider's, in a flow that he began; an identity is one account's. The last way to sign in is not taken away.
"""

import time
from typing import Literal

from functions.auth import policy, store
from functions.auth.commands.changing import changed, entry
from functions.auth.commands.mailing import tell_notice
from functions.auth.commands.providers import (
    Proof,
    identity_of,
    proved,
    reserve_identity,
)
from functions.auth.commands.registering import check_in_time
from functions.auth.commands.sessions import record_of
from functions.auth.errors import (
    IdentityExists,
    InvalidFlow,
    LastSignInMethod,
    NoSuchIdentity,
)
from functions.auth.models import Identity, IdentityInfo, ProviderReturn
from functions.auth.store import Change, UserRecord
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.endpoint import Client


async def identities_of(actor: Actor) -> list[IdentityInfo]:
    """The caller's identities elsewhere. One round trip."""
    record = await record_of(actor)
    return [info_of(each) for each in record.identities]


def info_of(identity: Identity) -> IdentityInfo:
    """An identity as its owner sees it."""
    return IdentityInfo(
        provider=identity.provider, email=identity.email, linked_at=identity.linked_at
    )


async def link(actor: Actor, body: ProviderReturn, client: Client) -> IdentityInfo:
    """Link what the browser's return proves to the caller's account. Six round trips, and some requests.

    Raises InvalidFlow when somebody else began it, ProviderRefused, ProviderUnavailable, IdentityTaken,
    IdentityExists.
    """
    proof = await proved(body)
    if proof.user_id != actor.user_id:
        raise InvalidFlow
    now = utcnow()
    identity = identity_of(proof, now)
    started = time.monotonic()
    _check_free(await record_of(actor), proof)
    await reserve_identity(proof, actor.user_id, now)

    async def attempt(record: UserRecord) -> IdentityInfo | None:
        _check_free(record, proof)
        check_in_time(started)
        change = Change(record)
        change.put(identity)
        change.note(entry("identity.linked", client, actor.session_id, provider=proof.provider))
        _tell(change, record, proof.provider, "linked")
        return info_of(identity) if await change.commit() else None

    return await changed(actor.user_id, attempt)


def _check_free(record: UserRecord, proof: Proof) -> None:
    """Raise IdentityExists when the account has another identity of the provider."""
    held = next((each for each in record.identities if each.provider == proof.provider), None)
    if held and (held.issuer, held.subject) != (proof.profile.issuer, proof.profile.subject):
        raise IdentityExists


async def unlink(actor: Actor, provider: str, client: Client) -> None:
    """Take an identity away. Four or five round trips. Raises NoSuchIdentity, LastSignInMethod."""

    async def attempt(record: UserRecord) -> tuple[Identity, bool] | None:
        held = next((each for each in record.identities if each.provider == provider), None)
        if held is None:
            raise NoSuchIdentity
        if not policy.can_sign_in_without(
            record.account, len(record.identities) - 1, len(record.passkeys)
        ):
            raise LastSignInMethod
        change = Change(record)
        change.remove([held])
        change.note(entry("identity.unlinked", client, actor.session_id, provider=provider))
        _tell(change, record, provider, "unlinked")
        wanted = (held.issuer, held.subject)
        others = [each for each in record.identities if each is not held]
        is_last = wanted not in [(each.issuer, each.subject) for each in others]
        return (held, is_last) if await change.commit() else None

    gone, is_last = await changed(actor.user_id, attempt)
    if is_last:  # two names may stand for one issuer
        key = store.identity_key(gone.issuer, gone.subject)
        await store.release(key, actor.user_id, "identity")


def _tell(
    change: Change, record: UserRecord, provider: str, became: Literal["linked", "unlinked"]
) -> None:
    tell_notice(change, record.account.email, "identity_changed", provider=provider, became=became)

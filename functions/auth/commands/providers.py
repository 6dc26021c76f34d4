"""Signing in with another provider: sending the browser there, and taking what it brings back.

Invariants: a flow is taken once, before anything is exchanged, and only by the browser that began it; an
identity is the issuer's id of somebody, never an address: an account with the same address is not signed in
to, its owner links it. Who comes for the first time gets an account only with an address that the provider
vouches for.
"""

import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.auth import captcha, limits, policy, providers, signing, store
from functions.auth.commands.changing import entry
from functions.auth.commands.registering import check_in_time, reservation_of, reserve_address
from functions.auth.commands.sessions import begin, sign_in, signed_in
from functions.auth.emails import accepted, reservation_key
from functions.auth.errors import (
    EmailTaken,
    IdentityTaken,
    InvalidFlow,
    InvalidRedirectUri,
    LinkFirst,
    ProviderRefused,
    RegistrationUnsettled,
    UnverifiedAtProvider,
)
from functions.auth.models import (
    Account,
    Identity,
    ProviderReturn,
    ProviderSignIn,
    ProviderStarted,
    Reservation,
    SecondFactorNeeded,
    SessionKind,
    SignedIn,
)
from functions.auth.providers import Profile, Return, Started
from functions.auth.store import Change, UserRecord
from shared_code.clock import utcnow
from shared_code.endpoint import Client
from shared_code.ids import new_id
from shared_code.text import as_name, digest

_BROWSER_BYTES = 32


@dataclass(frozen=True)
class Proof:
    """Who has proved to be whom at which provider; `user_id` is who began it, when he was signed in."""

    provider: str
    profile: Profile
    user_id: str | None


async def start(
    provider: str, redirect_uri: str, client: Client, user_id: str | None = None
) -> ProviderStarted:
    """Begin to sign in, or (with a user) to link. Two round trips, and one request in an hour.

    Raises NoSuchProvider, InvalidRedirectUri, ProviderUnavailable, TooManyRequests, and
    CaptchaRequired unless it is to link.
    """
    asked = providers.named(provider)
    if user_id is None:
        await captcha.check(client)
    if redirect_uri not in providers.redirect_uris():
        raise InvalidRedirectUri
    await limits.before_flow(client)
    started, browser = Started(), secrets.token_urlsafe(_BROWSER_BYTES)
    known = {
        "provider": provider,
        "verifier": started.verifier,
        "nonce": started.nonce,
        "redirect_uri": redirect_uri,
        "browser": digest(browser),
        "user_id": user_id,
    }
    state = await store.begin_flow("provider", known, policy.PROVIDER_FLOW_LIFE)
    return ProviderStarted(
        authorization_url=await asked.authorization_url(started, state, redirect_uri),
        state=state,
        browser=browser,
        expires_in=int(policy.PROVIDER_FLOW_LIFE.total_seconds()),
    )


async def proved(body: ProviderReturn) -> Proof:
    """What the browser's return proves. Two round trips and some requests to the provider.

    Raises InvalidFlow, ProviderRefused, ProviderUnavailable.
    """
    known: dict[str, Any] | None = await store.take_flow("provider", body.state)
    if known is None or not hmac.compare_digest(digest(body.browser), known["browser"]):
        raise InvalidFlow
    if body.code is None:
        raise ProviderRefused
    asked = providers.named(known["provider"])
    started = Started(known["verifier"], known["nonce"])
    returned = Return(body.code, known["redirect_uri"], body.iss)
    profile = await asked.profile(started, returned)
    return Proof(known["provider"], profile, known["user_id"])


async def sign_in_with(body: ProviderSignIn, client: Client) -> SignedIn | SecondFactorNeeded:
    """Sign in, or register at the first time. Five or six round trips, seven at the first.

    Raises as `proved`, LinkFirst, UnverifiedAtProvider, TooManyRequests.
    """
    proof = await proved(body)
    if proof.user_id is not None:
        raise InvalidFlow  # it was begun to link
    record = await owner_of(proof)
    if record is None:
        return await _registered(proof, body.session, client)
    profile = proof.profile
    return await sign_in(
        record, client, body.session, ("provider",), lambda found: carries(found, profile)
    )


def carries(record: UserRecord | None, profile: Profile) -> bool:
    """Whether the account has this identity."""
    wanted = (profile.issuer, profile.subject)
    return record is not None and any(
        (each.issuer, each.subject) == wanted for each in record.identities
    )


async def owner_of(proof: Proof) -> UserRecord | None:
    """The user whose identity it is, or None. Two round trips."""
    key = store.identity_key(proof.profile.issuer, proof.profile.subject)
    held = await store.find_reservation(key, "identity")
    record = await store.read_user(held.user_id if held else None)
    return record if carries(record, proof.profile) else None


async def reserve_identity(proof: Proof, user_id: str, now: datetime) -> None:
    """Reserve an identity for a user. One round trip, more when it was reserved before.

    Raises IdentityTaken when it is another's, or somebody else is about to have it.
    """
    key = store.identity_key(proof.profile.issuer, proof.profile.subject)
    wanted = Reservation(key, user_id, now + policy.RESERVATION_LIFE, kind="identity")
    held = await store.reserve(wanted)
    if held is None or held.user_id == user_id:
        return
    is_free = held.expires_at <= now and not carries(
        await store.read_user(held.user_id), proof.profile
    )
    if not is_free or not await store.take_over(held, wanted):
        raise IdentityTaken


def identity_of(proof: Proof, now: datetime) -> Identity:
    """The row that the account gets."""
    found = proof.profile
    return Identity(
        provider=proof.provider,
        issuer=found.issuer,
        subject=found.subject,
        email=found.email,
        linked_at=now,
    )


async def _registered(proof: Proof, kind: SessionKind, client: Client) -> SignedIn:
    """Make an account for who comes for the first time, and sign it in."""
    email = _vouched(proof.profile)
    await limits.before_registration(client)
    ring, now, user_id = await signing.key_ring(), utcnow(), new_id("usr")
    started = time.monotonic()
    try:
        await reserve_address(reservation_of(email, user_id, now), now)
        await reserve_identity(proof, user_id, now)
    except EmailTaken as error:
        raise LinkFirst from error
    except IdentityTaken:
        await store.release(reservation_key(email), user_id)
        raise
    account = Account(
        user_id=user_id,
        email=email,
        display_name=as_name(proof.profile.name) or email.partition("@")[0],
        password_hash=None,
        created_at=now,
        email_verified_at=now,
        signed_in_at=now,
    )
    change = Change(UserRecord(user_id))
    change.put(account)
    change.put(identity_of(proof, now))
    change.note(entry("account.registered", client))
    change.note(entry("identity.linked", client, provider=proof.provider))
    session = begin(change, account, client, kind, ("provider",), now)
    check_in_time(started)
    if not await change.commit():
        raise RegistrationUnsettled
    return signed_in(ring, account, session, now, [])


def _vouched(profile: Profile) -> str:
    """The address that the provider vouches for. Raises UnverifiedAtProvider."""
    if profile.email is None or not profile.email_verified:
        raise UnverifiedAtProvider
    try:
        return accepted(profile.email)
    except ValueError as error:
        raise UnverifiedAtProvider from error

"""Accounts over HTTP: making one, seeing and changing oneself, leaving; and the published keys."""

from functions.auth.api import blueprint
from functions.auth.api.cookie_answers import answered, check
from functions.auth.api.headers import CAPTCHA, CSRF
from functions.auth.commands import accounts, erasing, registering
from functions.auth.errors import CaptchaRequired, CsrfRefused, EmailTaken, LastOwner
from functions.auth.models import (
    AuditEntry,
    AuditQuery,
    Export,
    MailSent,
    NewAccount,
    ProfileChange,
    SecondFactorNeeded,
    SignedIn,
    User,
)
from shared_code.actor import Actor, Recent
from shared_code.endpoint import (
    Anonymous,
    Client,
    Content,
    IdempotencyKey,
    Page,
    Reply,
    endpoint,
    page_of,
)
from shared_code.errors import IdempotencyKeyReused, TooManyHashes, TooManyRequests

_JWKS_HEADERS = (("Cache-Control", "public, max-age=600"),)


@endpoint(
    blueprint,
    "POST",
    "auth/register",
    status=201,
    headers=(CAPTCHA, CSRF),
    errors=(
        EmailTaken,
        IdempotencyKeyReused,
        TooManyHashes,
        CsrfRefused,
        CaptchaRequired,
        TooManyRequests,
    ),
)
async def auth_register(
    _: Anonymous, body: NewAccount, client: Client, idempotency_key: IdempotencyKey = None
) -> Reply[SignedIn | SecondFactorNeeded | MailSent]:
    """Make an account and sign it in. A mail asks to confirm the address.

    Where that must be done first (AUTH_REGISTRATION) nobody is signed in, and the answer is the same for an
    address that is taken.
    """
    check(body.session, client)
    registered = await registering.register(body, idempotency_key, client)
    return answered(registered, body.session)


@endpoint(blueprint, "GET", "auth/me")
async def auth_me(actor: Actor) -> User:
    """The caller himself."""
    return await accounts.current_user(actor)


@endpoint(blueprint, "PATCH", "auth/me")
async def auth_change_me(actor: Actor, body: ProfileChange, client: Client) -> User:
    """Change what one is called."""
    return await accounts.change_profile(actor, body, client)


@endpoint(blueprint, "DELETE", "auth/me", status=202, errors=(LastOwner,))
async def auth_delete_me(actor: Recent, client: Client) -> User:
    """Delete the account: all sessions end now, everything is erased at `erase_at`.

    Signing in before that undoes it.
    """
    return await erasing.ask(actor, client)


@endpoint(blueprint, "GET", "auth/me/export")
async def auth_export_me(actor: Recent) -> Export:
    """Everything that auth keeps of the caller, save secrets."""
    return await accounts.export(actor)


@endpoint(blueprint, "GET", "auth/me/audit")
async def auth_audit_me(actor: Actor, query: AuditQuery) -> Page[AuditEntry]:
    """What happened to the caller's account, newest first."""
    found = await accounts.audit(actor, query.cursor, query.limit + 1)
    return page_of(found, query.limit, lambda each: each.id)


@endpoint(blueprint, "GET", "auth/jwks.json")
async def auth_jwks(_: Anonymous) -> Content:
    """The keys that verify access tokens (RFC 7517), the next one included."""
    document = await accounts.jwks_document()
    return Content(document, "application/jwk-set+json", _JWKS_HEADERS)

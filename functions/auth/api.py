"""Auth's HTTP triggers. Invariant: parse, call, answer; no rule lives here."""

import azure.functions as func

from functions.auth import commands, signing, store
from functions.auth.errors import EmailTaken, InvalidCredentials, TooManyHashes
from functions.auth.models import Credentials, NewAccount, SignedIn, User
from shared_code import tokens
from shared_code.actor import Actor
from shared_code.endpoint import Anonymous, Content, IdempotencyKey, endpoint
from shared_code.errors import IdempotencyKeyReused
from shared_code.readiness import depends_on

blueprint = func.Blueprint()
depends_on("auth_storage", store.reach)
depends_on("auth_signing_keys", signing.reach)
depends_on("published_keys", tokens.reach)

_JWKS_HEADERS = (("Cache-Control", "public, max-age=600"),)


@endpoint(
    blueprint,
    "POST",
    "auth/register",
    status=201,
    errors=(EmailTaken, IdempotencyKeyReused, TooManyHashes),
)
async def auth_register(
    _: Anonymous, body: NewAccount, idempotency_key: IdempotencyKey = None
) -> SignedIn:
    """Make an account and sign it in."""
    return await commands.register(body, idempotency_key)


@endpoint(blueprint, "POST", "auth/login", errors=(InvalidCredentials, TooManyHashes))
async def auth_login(_: Anonymous, body: Credentials) -> SignedIn:
    """Sign in with e-mail address and password."""
    return await commands.login(body)


@endpoint(blueprint, "GET", "auth/me")
async def auth_me(actor: Actor) -> User:
    """The caller himself."""
    return await commands.current_user(actor)


@endpoint(blueprint, "GET", "auth/jwks.json")
async def auth_jwks(_: Anonymous) -> Content:
    """The keys that verify access tokens (RFC 7517), the next one included."""
    document = await commands.jwks_document()
    return Content(document, "application/jwk-set+json", _JWKS_HEADERS)

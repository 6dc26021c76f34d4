"""Signing in with others over HTTP, and linking them to one's account."""

from functions.auth import providers as known
from functions.auth.api import blueprint
from functions.auth.api.cookie_answers import answered, check
from functions.auth.api.headers import CAPTCHA, CSRF
from functions.auth.commands import identities, providers
from functions.auth.errors import (
    CaptchaRequired,
    CsrfRefused,
    EmailNotVerified,
    IdentityExists,
    IdentityTaken,
    InvalidFlow,
    InvalidRedirectUri,
    LastSignInMethod,
    LinkFirst,
    NoSuchIdentity,
    NoSuchProvider,
    ProviderRefused,
    UnverifiedAtProvider,
)
from functions.auth.models import (
    IdentityInfo,
    ProviderInfo,
    ProviderName,
    ProviderReturn,
    ProviderSignIn,
    ProviderStart,
    ProviderStarted,
    SecondFactorNeeded,
    SignedIn,
)
from shared_code.actor import Actor, Recent
from shared_code.endpoint import Anonymous, Client, Page, Reply, endpoint
from shared_code.errors import TooManyRequests


@endpoint(blueprint, "GET", "auth/providers")
async def auth_providers(_: Anonymous) -> Page[ProviderInfo]:
    """The providers that one can sign in with here."""
    return Page(items=[ProviderInfo(name=each) for each in known.names()])


@endpoint(
    blueprint,
    "POST",
    "auth/providers/{provider}/start",
    headers=(CAPTCHA,),
    errors=(NoSuchProvider, InvalidRedirectUri, CaptchaRequired, TooManyRequests),
)
async def auth_start_provider(
    _: Anonymous, provider: ProviderName, body: ProviderStart, client: Client
) -> ProviderStarted:
    """Begin to sign in with another provider."""
    return await providers.start(provider, body.redirect_uri, client)


@endpoint(
    blueprint,
    "POST",
    "auth/providers/callback",
    headers=(CSRF,),
    errors=(
        InvalidFlow,
        ProviderRefused,
        UnverifiedAtProvider,
        EmailNotVerified,
        LinkFirst,
        IdentityTaken,
        CsrfRefused,
        TooManyRequests,
    ),
)
async def auth_provider_callback(
    _: Anonymous, body: ProviderSignIn, client: Client
) -> Reply[SignedIn | SecondFactorNeeded]:
    """Sign in by what the provider sent back with the browser; at the first time this makes an account."""
    check(body.session, client)
    return answered(await providers.sign_in_with(body, client), body.session)


@endpoint(blueprint, "GET", "auth/identities")
async def auth_identities(actor: Actor) -> Page[IdentityInfo]:
    """The providers that the caller's account is linked to."""
    return Page(items=await identities.identities_of(actor))


@endpoint(
    blueprint,
    "POST",
    "auth/identities/{provider}/start",
    errors=(NoSuchProvider, InvalidRedirectUri, TooManyRequests),
)
async def auth_start_linking(
    actor: Recent, provider: ProviderName, body: ProviderStart, client: Client
) -> ProviderStarted:
    """Begin to link another provider."""
    return await providers.start(provider, body.redirect_uri, client, actor.user_id)


@endpoint(
    blueprint,
    "POST",
    "auth/identities/callback",
    status=201,
    errors=(InvalidFlow, ProviderRefused, IdentityTaken, IdentityExists),
)
async def auth_link_identity(actor: Recent, body: ProviderReturn, client: Client) -> IdentityInfo:
    """Link what the provider sent back with the browser."""
    return await identities.link(actor, body, client)


@endpoint(
    blueprint,
    "DELETE",
    "auth/identities/{provider}",
    status=204,
    errors=(NoSuchIdentity, LastSignInMethod),
)
async def auth_unlink_identity(actor: Recent, provider: ProviderName, client: Client) -> None:
    """Unlink a provider."""
    await identities.unlink(actor, provider, client)

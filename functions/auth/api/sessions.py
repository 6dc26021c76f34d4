"""Sessions over HTTP: signing in, refreshing, seeing and ending them."""

from functions.auth import cookies
from functions.auth.api import blueprint
from functions.auth.api.cookie_answers import answered, check
from functions.auth.api.headers import CAPTCHA, CSRF, DEVICE
from functions.auth.commands import links, refreshing, sessions
from functions.auth.errors import (
    CaptchaRequired,
    CsrfRefused,
    InvalidCode,
    InvalidCredentials,
    InvalidRefreshToken,
    NoSuchSession,
    RefreshTokenReused,
)
from functions.auth.models import (
    Credentials,
    EmailOnly,
    EndSessions,
    LinkAsked,
    LinkSignIn,
    Refresh,
    SecondFactorNeeded,
    SessionId,
    SessionInfo,
    SignedIn,
)
from shared_code.actor import Actor, Recent
from shared_code.endpoint import Anonymous, Client, Page, Reply, endpoint
from shared_code.errors import TooManyHashes, TooManyRequests


@endpoint(
    blueprint,
    "POST",
    "auth/login",
    headers=(DEVICE, CAPTCHA, CSRF),
    errors=(InvalidCredentials, TooManyHashes, CsrfRefused, CaptchaRequired, TooManyRequests),
)
async def auth_login(
    _: Anonymous, body: Credentials, client: Client
) -> Reply[SignedIn | SecondFactorNeeded]:
    """Sign in with e-mail address and password; where there is a second factor, one is asked for then."""
    check(body.session, client)
    return answered(await sessions.login(body, client), body.session)


@endpoint(
    blueprint,
    "POST",
    "auth/refresh",
    headers=(CSRF,),
    errors=(InvalidRefreshToken, RefreshTokenReused, CsrfRefused, TooManyRequests),
)
async def auth_refresh(_: Anonymous, body: Refresh, client: Client) -> Reply[SignedIn]:
    """Get a new access token, and the successor of the refresh token.

    Browsers that keep it in a cookie send `{}`. A repeat within ten seconds gives the same successor; a
    token that was used before ends its session.
    """
    if body.refresh_token is not None:
        return answered(await refreshing.refresh(body.refresh_token, "body", client), "body")
    token = cookies.refresh_of(client)
    if token is None:
        raise InvalidRefreshToken
    return answered(await refreshing.refresh(token, "cookie", client), "cookie")


@endpoint(blueprint, "POST", "auth/logout", status=204)
async def auth_logout(actor: Actor, client: Client) -> Reply[None]:
    """End this session: its tokens, and its sockets."""
    await sessions.log_out(actor, client)
    return Reply(None, (cookies.clear_refresh(),))


@endpoint(blueprint, "GET", "auth/sessions")
async def auth_sessions(actor: Actor) -> Page[SessionInfo]:
    """The caller's sessions, the last seen first."""
    return Page(items=await sessions.sessions_of(actor))


@endpoint(blueprint, "DELETE", "auth/sessions/{session_id}", status=204, errors=(NoSuchSession,))
async def auth_end_session(actor: Recent, session_id: SessionId, client: Client) -> None:
    """End one of the caller's sessions."""
    await sessions.end_one(actor, session_id, client)


@endpoint(blueprint, "POST", "auth/sessions/end", status=204)
async def auth_end_sessions(actor: Recent, body: EndSessions, client: Client) -> None:
    """End the caller's other sessions, or all of them."""
    if body.which == "others":
        await sessions.end_others(actor, client)
    else:
        await sessions.end_all(actor.user_id, client)


@endpoint(
    blueprint,
    "POST",
    "auth/sign-in-link",
    status=202,
    headers=(DEVICE, CAPTCHA),
    errors=(CaptchaRequired, TooManyRequests),
)
async def auth_ask_sign_in_link(_: Anonymous, body: EmailOnly, client: Client) -> LinkAsked:
    """Get a mail with a link and six digits to sign in with, if the address has an account."""
    return await links.ask(body.email, client)


@endpoint(
    blueprint,
    "POST",
    "auth/sign-in-link/confirm",
    headers=(DEVICE, CSRF),
    errors=(InvalidCode, CsrfRefused, TooManyRequests),
)
async def auth_sign_in_by_link(
    _: Anonymous, body: LinkSignIn, client: Client
) -> Reply[SignedIn | SecondFactorNeeded]:
    """Sign in with the link, or the digits, of the mail: once, and from where it was asked for."""
    check(body.session, client)
    return answered(await links.sign_in_with(body, client), body.session)

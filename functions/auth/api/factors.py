"""Second factors and passkeys over HTTP: having them, and signing in with them."""

from functions.auth.api import blueprint
from functions.auth.api.cookie_answers import answered, check
from functions.auth.api.headers import CAPTCHA, CSRF, DEVICE
from functions.auth.commands import factors, passkey_sign_in, proving
from functions.auth.commands.sessions import record_of
from functions.auth.errors import (
    CaptchaRequired,
    CsrfRefused,
    FactorExists,
    InvalidFlow,
    InvalidPasskey,
    InvalidTicket,
    NoSuchFactor,
    PasskeyRefused,
    SecondFactorRequired,
    TooManyPasskeys,
    WrongPassword,
    WrongSecondFactor,
)
from functions.auth.models import (
    DigitsOnly,
    FactorAdded,
    Factors,
    NewPasskey,
    PasskeyId,
    PasskeyInfo,
    PasskeyName,
    PasskeyOptions,
    PasskeyOptionsAsked,
    PasskeySignIn,
    RecoveryCodesMade,
    SecondFactorSignIn,
    SignedIn,
    StepUp,
    TotpSecret,
)
from shared_code.actor import Actor, Recent
from shared_code.endpoint import Anonymous, Client, Reply, endpoint
from shared_code.errors import TooManyHashes, TooManyRequests


@endpoint(
    blueprint,
    "POST",
    "auth/login/second-factor",
    headers=(DEVICE, CSRF),
    errors=(InvalidTicket, WrongSecondFactor, CsrfRefused, TooManyRequests),
)
async def auth_second_factor(
    _: Anonymous, body: SecondFactorSignIn, client: Client
) -> Reply[SignedIn]:
    """Finish a sign-in with a second factor: an app's digits, a recovery code, or a passkey."""
    check(body.session, client)
    return answered(await proving.finish_sign_in(body, client), body.session)


@endpoint(
    blueprint,
    "POST",
    "auth/step-up",
    headers=(DEVICE,),
    errors=(
        WrongPassword,
        SecondFactorRequired,
        WrongSecondFactor,
        TooManyHashes,
        TooManyRequests,
    ),
)
async def auth_step_up(actor: Actor, body: StepUp, client: Client) -> Reply[SignedIn]:
    """Prove again who one is, for what asks for it; the answer's access token says so for ten minutes.

    As after a refresh, the answer's tokens take the place of those before.

    Where there is a second factor, it is the proof: the password alone is refused.
    """
    return answered(*await proving.step_up(actor, body, client))


@endpoint(blueprint, "POST", "auth/step-up/passkey-options", errors=(TooManyRequests,))
async def auth_step_up_passkey_options(actor: Actor, client: Client) -> PasskeyOptions:
    """Get what a browser needs to step up with a passkey."""
    record = await record_of(actor)
    return await factors.request_passkey(actor.user_id, record.passkeys, client)


@endpoint(
    blueprint,
    "POST",
    "auth/passkeys/options",
    headers=(CAPTCHA,),
    errors=(InvalidTicket, CaptchaRequired, TooManyRequests),
)
async def auth_passkey_options(
    _: Anonymous, body: PasskeyOptionsAsked, client: Client
) -> PasskeyOptions:
    """Get what a browser needs to sign in with a passkey: alone, or as the second factor of a ticket."""
    return await passkey_sign_in.options(body, client)


@endpoint(
    blueprint,
    "POST",
    "auth/passkeys/sign-in",
    headers=(CSRF,),
    errors=(InvalidFlow, PasskeyRefused, CsrfRefused, TooManyRequests),
)
async def auth_passkey_sign_in(
    _: Anonymous, body: PasskeySignIn, client: Client
) -> Reply[SignedIn]:
    """Sign in with a passkey alone, without a name or a password."""
    check(body.session, client)
    return answered(await passkey_sign_in.sign_in_alone(body, client), body.session)


@endpoint(blueprint, "GET", "auth/factors")
async def auth_factors(actor: Actor) -> Factors:
    """The caller's second factors."""
    return await factors.factors_of_actor(actor)


@endpoint(blueprint, "POST", "auth/factors/totp", status=201, errors=(FactorExists,))
async def auth_add_totp(actor: Recent) -> TotpSecret:
    """Begin to add an authenticator app. It counts when it has been confirmed."""
    return await factors.begin_totp(actor)


@endpoint(
    blueprint,
    "POST",
    "auth/factors/totp/confirm",
    headers=(DEVICE,),
    errors=(NoSuchFactor, WrongSecondFactor, TooManyRequests),
)
async def auth_confirm_totp(actor: Actor, body: DigitsOnly, client: Client) -> FactorAdded:
    """Confirm the app with the digits that it shows; the first factor brings recovery codes."""
    return await factors.confirm_totp(actor, body.digits, client)


@endpoint(blueprint, "DELETE", "auth/factors/totp", status=204, errors=(NoSuchFactor,))
async def auth_remove_totp(actor: Recent, client: Client) -> None:
    """Remove the authenticator app."""
    await factors.remove_totp(actor, client)


@endpoint(blueprint, "POST", "auth/factors/recovery-codes", status=201, errors=(NoSuchFactor,))
async def auth_make_recovery_codes(actor: Recent, client: Client) -> RecoveryCodesMade:
    """Get eight new recovery codes; those before are worth nothing any more."""
    return await factors.make_recovery_codes(actor, client)


@endpoint(
    blueprint,
    "POST",
    "auth/factors/passkeys/options",
    errors=(TooManyPasskeys, TooManyRequests),
)
async def auth_new_passkey_options(actor: Recent, client: Client) -> PasskeyOptions:
    """Get what a browser needs to make a passkey."""
    return await factors.begin_passkey(actor, client)


@endpoint(
    blueprint,
    "POST",
    "auth/factors/passkeys",
    status=201,
    errors=(InvalidFlow, InvalidPasskey, TooManyPasskeys),
)
async def auth_add_passkey(actor: Actor, body: NewPasskey, client: Client) -> FactorAdded:
    """Add a passkey that was made; the first factor brings recovery codes."""
    return await factors.add_passkey(actor, body, client)


@endpoint(blueprint, "PATCH", "auth/factors/passkeys/{passkey_id}", errors=(NoSuchFactor,))
async def auth_rename_passkey(
    actor: Actor, passkey_id: PasskeyId, body: PasskeyName
) -> PasskeyInfo:
    """Call a passkey something else."""
    return await factors.rename_passkey(actor, passkey_id, body.name)


@endpoint(
    blueprint, "DELETE", "auth/factors/passkeys/{passkey_id}", status=204, errors=(NoSuchFactor,)
)
async def auth_remove_passkey(actor: Recent, passkey_id: PasskeyId, client: Client) -> None:
    """Remove a passkey."""
    await factors.remove_passkey(actor, passkey_id, client)

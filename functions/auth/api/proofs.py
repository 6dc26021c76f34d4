"""Addresses and passwords over HTTP: what is proved by mail, and what changes."""

from functions.auth.api import blueprint
from functions.auth.api.cookie_answers import answered
from functions.auth.api.headers import CAPTCHA, DEVICE
from functions.auth.commands import addresses, passwords
from functions.auth.errors import CaptchaRequired, InvalidCode, WrongPassword
from functions.auth.models import (
    Confirmation,
    DigitsOnly,
    EmailChangeDigits,
    EmailOnly,
    NewEmail,
    NewPasswordOfOne,
    PasswordReset,
    SignedIn,
    User,
)
from shared_code.actor import Actor, Recent
from shared_code.endpoint import Anonymous, Client, Reply, endpoint
from shared_code.errors import TooManyHashes, TooManyRequests


@endpoint(blueprint, "POST", "auth/email/verify", errors=(InvalidCode,))
async def auth_verify_email(actor: Actor, body: DigitsOnly, client: Client) -> User:
    """Confirm one's address with the digits of the mail."""
    return await addresses.verify_by_digits(actor, body.digits, client)


@endpoint(blueprint, "POST", "auth/email/verify-link", errors=(InvalidCode,))
async def auth_verify_email_link(_: Anonymous, body: Confirmation, client: Client) -> User:
    """Confirm an address with the link of the mail, signed in or not."""
    return await addresses.verify_by_link(body.token, client)


@endpoint(blueprint, "POST", "auth/email/resend", status=202, errors=(TooManyRequests,))
async def auth_resend_verification(actor: Actor, client: Client) -> None:
    """Get another mail to confirm one's address; at most one a minute is sent."""
    await addresses.send_verification(actor, client)


@endpoint(blueprint, "POST", "auth/email/change", status=202, errors=(TooManyRequests,))
async def auth_ask_email_change(actor: Recent, body: NewEmail, client: Client) -> None:
    """Ask for another address: mails go to both, and both must confirm."""
    await addresses.ask_change(actor, body.email, client)


@endpoint(blueprint, "POST", "auth/email/change/confirm", errors=(InvalidCode,))
async def auth_confirm_email_change(actor: Actor, body: EmailChangeDigits, client: Client) -> User:
    """Confirm the change of address with the digits of one of the mails."""
    return await addresses.confirm_change_by_digits(actor, body.side, body.digits, client)


@endpoint(blueprint, "POST", "auth/email/change/confirm-link", errors=(InvalidCode,))
async def auth_confirm_email_change_link(_: Anonymous, body: Confirmation, client: Client) -> User:
    """Confirm the change of address with the link of one of the mails."""
    return await addresses.confirm_change_by_link(body.token, client)


@endpoint(
    blueprint,
    "POST",
    "auth/password/change",
    errors=(WrongPassword, TooManyHashes, TooManyRequests),
)
async def auth_change_password(
    actor: Actor, body: NewPasswordOfOne, client: Client
) -> Reply[SignedIn]:
    """Change one's password: other sessions end, this one goes on with the tokens of the answer."""
    return answered(*await passwords.change_password(actor, body, client))


@endpoint(
    blueprint,
    "POST",
    "auth/password/forgot",
    status=202,
    headers=(DEVICE, CAPTCHA),
    errors=(CaptchaRequired, TooManyRequests),
)
async def auth_forgot_password(_: Anonymous, body: EmailOnly, client: Client) -> None:
    """Get a mail with a link to set a new password, if the address has an account."""
    await passwords.forgot_password(body.email, client)


@endpoint(
    blueprint,
    "POST",
    "auth/password/reset",
    status=204,
    errors=(InvalidCode, TooManyHashes),
)
async def auth_reset_password(_: Anonymous, body: PasswordReset, client: Client) -> None:
    """Set a new password with the link of the mail: all sessions end, and nobody is signed in."""
    await passwords.reset_password(body, client)

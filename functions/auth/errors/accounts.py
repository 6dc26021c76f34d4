"""Accounts, sessions, passwords and codes by mail. The tree stands in the package's docstring."""

from typing import ClassVar

from shared_code.errors import (
    BadRequest,
    Conflict,
    FieldError,
    Forbidden,
    NotFound,
    Unauthenticated,
    Unavailable,
    ValidationFailed,
)


class InvalidCredentials(Unauthenticated):
    """No such account, or not its password."""

    code = "invalid_credentials"
    title = "The e-mail address or the password is wrong"


class InvalidCode(BadRequest):
    """Not what was sent by mail, used before, or too late."""

    code = "invalid_code"
    title = "The code or link is not valid any more; ask for another"


class InvalidRefreshToken(Unauthenticated):
    """Of no session, or of one that has ended."""

    code = "invalid_refresh_token"
    title = "The session has ended; sign in again"


class RefreshTokenReused(Unauthenticated):
    """It was used before, so its session has ended."""

    code = "refresh_token_reused"
    title = "The refresh token was used before, so the session was ended; sign in again"


class CaptchaRequired(Forbidden):
    """No proof came that a person asks, or not a good one."""

    code = "captcha_required"
    title = "Solve the CAPTCHA and send its token as X-Captcha-Token"


class EmailNotVerified(Forbidden):
    """The address must be confirmed before one can sign in."""

    code = "email_not_verified"
    title = "Confirm your e-mail address first, with the mail that was sent"


class WrongPassword(Forbidden):
    """The caller is signed in, but this is not his password."""

    code = "wrong_password"
    title = "The current password is wrong"


class CsrfRefused(Forbidden):
    """A cookie came in a request that another site could send."""

    code = "csrf_refused"
    title = "Cookies count only in requests from a page of ours"


class NoSuchSession(NotFound):
    """It has ended, or is somebody else's."""

    code = "session_not_found"
    title = "There is no such session of yours"


class EmailTaken(Conflict):
    """An account has this address."""

    code = "email_taken"
    title = "An account with this e-mail address exists"


class PasswordRefused(ValidationFailed):
    """Somebody could guess the password; `field` is where it stood in the body."""

    _CODE: ClassVar[str]
    _MESSAGE: ClassVar[str]

    def __init__(self, field: str = "password") -> None:
        super().__init__([FieldError(field=field, code=self._CODE, message=self._MESSAGE)])


class PasswordTooGuessable(PasswordRefused):
    """The password repeats who its owner is, or what it opens."""

    _CODE = "password_too_guessable"
    _MESSAGE = "must not be your e-mail address, your name or ours"


class PasswordTooCommon(PasswordRefused):
    """The password is one of those that are tried first."""

    _CODE = "password_too_common"
    _MESSAGE = "is one of the most used passwords; take another"


class PasswordBreached(PasswordRefused):
    """The password stands in a list that thieves have."""

    _CODE = "password_breached"
    _MESSAGE = "was found in stolen data; take another, and change it wherever you use it"


class CaptchaUnavailable(Unavailable):
    """Who verifies CAPTCHA tokens does not answer."""


class RegistrationUnsettled(Unavailable):
    """Another try may have finished this registration, or the address passed to someone else."""

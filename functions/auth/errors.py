"""What auth refuses, below the general errors of shared_code.

AtriumError
├── BadRequest 400
│   ├── InvalidCode             not what was sent by mail, or too late: never said which
│   ├── InvalidFlow             what it belongs to has ended, was used or never was
│   ├── InvalidInvitation       used, revoked, too late, or of no workspace: never said which
│   └── InvalidPasskey          it was not made for us, or not as we asked
├── Unauthenticated 401
│   ├── InvalidCredentials      no such account, or not its password: never said which
│   ├── InvalidTicket           the sign-in that a second factor was to finish has ended
│   ├── PasskeyRefused          no passkey of ours, or not its signature
│   ├── InvalidRefreshToken     of no session, or of one that has ended
│   └── RefreshTokenReused      it was used before, so its session has ended
├── Forbidden 403
│   ├── CaptchaRequired         no proof came that a person asks, or not a good one
│   ├── EmailNotVerified        it must be, before one can sign in (AUTH_REGISTRATION)
│   ├── InvitationForAnother    it was sent to another address than the caller's
│   ├── SecondFactorRequired    the password alone does not do: there is a second factor
│   ├── WrongSecondFactor       not its digits, code or signature, or used before
│   ├── WrongPassword           the caller is signed in, but this is not his password
│   └── CsrfRefused             a cookie came in a request that another site could send
├── NotFound 404
│   ├── NoSuchAccount           for commands of those who run the platform; no route raises it
│   ├── NoSuchMember            nobody of that id is in the workspace
│   ├── NoSuchInvitation        it was used, revoked, or never was
│   ├── NoSuchJoinLink          it was revoked, or never was
│   ├── NoSuchFactor            the account has no such second factor
│   └── NoSuchSession           it has ended, or is somebody else's
├── Conflict 409
│   ├── LastOwner               a workspace has at least one
│   ├── AlreadyMember           who joins is in it
│   ├── WorkspaceFull           of members, invitations or join links
│   ├── TooManyWorkspaces       one user can be in some hundreds
│   ├── FactorExists            an account has one authenticator app
│   ├── TooManyPasskeys         an account has a few
│   ├── EmailTaken              an account has this address
│   ├── KeysChanged             for commands and timers: two changed the signing keys at once
│   └── RotationTooSoon         for commands: a rotation now would refuse tokens that are still good
├── ValidationFailed 422
│   └── PasswordRefused
│       ├── PasswordTooGuessable    it repeats who its owner is, or what it opens
│       ├── PasswordTooCommon       it is one of those that are tried first
│       └── PasswordBreached        it stands in a list that thieves have
└── Unavailable 503
    ├── TooManyHashes           the queue for password hashing is full
    ├── CaptchaUnavailable      who verifies such proofs does not answer
    ├── RegistrationUnsettled   another try may have finished it: a repeat finds out
    └── NotConfigured
        ├── SecretTooShort      the key encryption secret would protect nothing
        ├── ForeignSecret       it is not the secret that sealed what is stored
        └── NoSigningKeys       the provision command has not run

Invariant: no message says whether an account exists, save EmailTaken.
"""

from datetime import datetime
from typing import ClassVar

from shared_code.clock import rfc3339
from shared_code.errors import (
    BadRequest,
    Conflict,
    FieldError,
    Forbidden,
    NotConfigured,
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


class InvalidFlow(BadRequest):
    """What the request belongs to has ended, was used before, or never was."""

    code = "invalid_flow"
    title = "This has taken too long, or was done before; begin again"


class InvalidInvitation(BadRequest):
    """Used, revoked, too late, or of no workspace: never said which."""

    code = "invalid_invitation"
    title = "The invitation or link is not valid any more"


class InvalidPasskey(BadRequest):
    """It was not made for us, or not as we asked."""

    code = "invalid_passkey"
    title = "The passkey cannot be used here"


class InvalidTicket(Unauthenticated):
    """The sign-in that a second factor was to finish has ended."""

    code = "invalid_ticket"
    title = "This sign-in has ended; sign in again"


class PasskeyRefused(Unauthenticated):
    """No passkey of ours, or not its signature."""

    code = "passkey_refused"
    title = "The passkey does not sign in here"


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


class InvitationForAnother(Forbidden):
    """It was sent to another address than the caller's."""

    code = "invitation_for_another"
    title = "This invitation was sent to another address"


class SecondFactorRequired(Forbidden):
    """The password alone does not do: the account has a second factor."""

    code = "second_factor_required"
    title = "Prove it with one of your second factors"


class WrongSecondFactor(Forbidden):
    """Not its digits, code or signature, or used before: never said which."""

    code = "wrong_second_factor"
    title = "The code or passkey is wrong, or was used before"


class WrongPassword(Forbidden):
    """The caller is signed in, but this is not his password."""

    code = "wrong_password"
    title = "The current password is wrong"


class CsrfRefused(Forbidden):
    """A cookie came in a request that another site could send."""

    code = "csrf_refused"
    title = "Cookies count only in requests from a page of ours"


class NoSuchAccount(NotFound):
    """No account has this address."""

    def __init__(self, email: str) -> None:
        super().__init__(f"no account has the address {email}")


class NoSuchMember(NotFound):
    """Nobody of that id is in the workspace."""

    code = "member_not_found"
    title = "There is no such member"


class NoSuchInvitation(NotFound):
    """It was used, revoked, or never was."""

    code = "invitation_not_found"
    title = "There is no such invitation"


class NoSuchJoinLink(NotFound):
    """It was revoked, or never was."""

    code = "join_link_not_found"
    title = "There is no such join link"


class NoSuchFactor(NotFound):
    """The account has no such second factor."""

    code = "factor_not_found"
    title = "There is no such second factor of yours"


class NoSuchSession(NotFound):
    """It has ended, or is somebody else's."""

    code = "session_not_found"
    title = "There is no such session of yours"


class LastOwner(Conflict):
    """A workspace has at least one owner."""

    code = "last_owner"
    title = "The workspace needs another owner first"


class AlreadyMember(Conflict):
    """Who joins is in it already."""

    code = "already_member"
    title = "You are in this workspace already"


class WorkspaceFull(Conflict):
    """Of members, invitations or join links."""

    code = "workspace_full"
    title = "The workspace can hold no more of these"


class TooManyWorkspaces(Conflict):
    """One user can be in some hundreds."""

    code = "too_many_workspaces"
    title = "Leave a workspace before you join another"


class FactorExists(Conflict):
    """An account has one authenticator app: the other must go first."""

    code = "factor_exists"
    title = "There is an authenticator app; remove it first"


class TooManyPasskeys(Conflict):
    """An account has a few."""

    code = "too_many_passkeys"
    title = "Remove a passkey before you add another"


class EmailTaken(Conflict):
    """An account has this address."""

    code = "email_taken"
    title = "An account with this e-mail address exists"


class KeysChanged(Conflict):
    """Somebody else changed the signing keys at the same time; no route raises it."""

    def __init__(self) -> None:
        super().__init__(
            "the signing keys were changed at the same time; see, and repeat if need be"
        )


class RotationTooSoon(Conflict):
    """A rotation now would drop a key whose tokens are still good; no route raises it."""

    def __init__(self, kid: str, ready_at: datetime) -> None:
        super().__init__(
            f"{kid} signs now, and the next rotation is possible from {rfc3339(ready_at)} on: "
            "before, it would refuse tokens that are still good (--force, if a key has leaked)"
        )


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


class TooManyHashes(Unavailable):
    """The queue for password hashing is full."""


class CaptchaUnavailable(Unavailable):
    """Who verifies CAPTCHA tokens does not answer."""


class RegistrationUnsettled(Unavailable):
    """Another try may have finished this registration, or the address passed to someone else."""


class SecretTooShort(NotConfigured):
    """The key encryption secret would protect nothing."""

    def __str__(self) -> str:
        return f"The app setting {self.setting} is too short to protect the keys"


class ForeignSecret(NotConfigured):
    """What is stored was sealed with another secret."""

    def __str__(self) -> str:
        return f"The app setting {self.setting} is not the secret that sealed what is stored"


class NoSigningKeys(NotConfigured):
    """The provision command has not run."""

    def __str__(self) -> str:
        return f"{self.setting} holds no signing keys: run python -m functions.provision"

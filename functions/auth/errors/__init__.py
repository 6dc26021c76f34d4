"""What auth refuses, below the general errors of shared_code.

AtriumError
├── BadRequest 400
│   ├── InvalidCode             not what was sent by mail, or too late: never said which
│   ├── InvalidFlow             what it belongs to has ended, was used or never was
│   ├── InvalidRedirectUri      it is none of those that the deployment allows
│   ├── ProviderRefused         another provider says no, or not what it should
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
│   ├── UnverifiedAtProvider    it does not vouch for an address
│   ├── InvitationForAnother    it was sent to another address than the caller's
│   ├── SecondFactorRequired    the password alone does not do: there is a second factor
│   ├── WrongSecondFactor       not its digits, code or signature, or used before
│   ├── WrongPassword           the caller is signed in, but this is not his password
│   └── CsrfRefused             a cookie came in a request that another site could send
├── NotFound 404
│   ├── NoSuchAccount           for commands of those who run the platform; no route raises it
│   ├── NoSuchProvider          this deployment has none of the name
│   ├── NoSuchIdentity          the account has none of the provider
│   ├── NoSuchMember            nobody of that id is in the workspace
│   ├── NoSuchInvitation        it was used, revoked, or never was
│   ├── NoSuchJoinLink          it was revoked, or never was
│   ├── NoSuchFactor            the account has no such second factor
│   └── NoSuchSession           it has ended, or is somebody else's
├── Conflict 409
│   ├── LinkFirst               an account has the address, and is not signed in to by it
│   ├── IdentityTaken           it is another account's
│   ├── IdentityExists          an account has one of each provider
│   ├── LastSignInMethod        without it nobody could sign in
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
    ├── ProviderUnavailable     another provider does not answer, or not as the standard has it
    ├── CaptchaUnavailable      who verifies such proofs does not answer
    ├── RegistrationUnsettled   another try may have finished it: a repeat finds out
    └── NotConfigured
        ├── SecretTooShort      the key encryption secret would protect nothing
        ├── ForeignSecret       it is not the secret that sealed what is stored
        └── NoSigningKeys       the provision command has not run

Invariant: no message says whether an account exists, save EmailTaken.
"""

from functions.auth.errors.accounts import (
    CaptchaRequired,
    CaptchaUnavailable,
    CsrfRefused,
    EmailNotVerified,
    EmailTaken,
    InvalidCode,
    InvalidCredentials,
    InvalidRefreshToken,
    NoSuchSession,
    PasswordBreached,
    PasswordRefused,
    PasswordTooCommon,
    PasswordTooGuessable,
    RefreshTokenReused,
    RegistrationUnsettled,
    WrongPassword,
)
from functions.auth.errors.factors import (
    FactorExists,
    IdentityExists,
    IdentityTaken,
    InvalidFlow,
    InvalidPasskey,
    InvalidRedirectUri,
    InvalidTicket,
    LastSignInMethod,
    LinkFirst,
    NoSuchFactor,
    NoSuchIdentity,
    NoSuchProvider,
    PasskeyRefused,
    ProviderRefused,
    ProviderUnavailable,
    SecondFactorRequired,
    TooManyPasskeys,
    UnverifiedAtProvider,
    WrongSecondFactor,
)
from functions.auth.errors.operating import (
    ForeignSecret,
    KeysChanged,
    NoSigningKeys,
    NoSuchAccount,
    RotationTooSoon,
    SecretTooShort,
)
from functions.auth.errors.workspaces import (
    AlreadyMember,
    InvalidInvitation,
    InvitationForAnother,
    LastOwner,
    NoSuchInvitation,
    NoSuchJoinLink,
    NoSuchMember,
    TooManyWorkspaces,
    WorkspaceFull,
)

__all__ = [
    "AlreadyMember",
    "CaptchaRequired",
    "CaptchaUnavailable",
    "CsrfRefused",
    "EmailNotVerified",
    "EmailTaken",
    "FactorExists",
    "ForeignSecret",
    "IdentityExists",
    "IdentityTaken",
    "InvalidCode",
    "InvalidCredentials",
    "InvalidFlow",
    "InvalidInvitation",
    "InvalidPasskey",
    "InvalidRedirectUri",
    "InvalidRefreshToken",
    "InvalidTicket",
    "InvitationForAnother",
    "KeysChanged",
    "LastOwner",
    "LastSignInMethod",
    "LinkFirst",
    "NoSigningKeys",
    "NoSuchAccount",
    "NoSuchFactor",
    "NoSuchIdentity",
    "NoSuchInvitation",
    "NoSuchJoinLink",
    "NoSuchMember",
    "NoSuchProvider",
    "NoSuchSession",
    "PasskeyRefused",
    "PasswordBreached",
    "PasswordRefused",
    "PasswordTooCommon",
    "PasswordTooGuessable",
    "ProviderRefused",
    "ProviderUnavailable",
    "RefreshTokenReused",
    "RegistrationUnsettled",
    "RotationTooSoon",
    "SecondFactorRequired",
    "SecretTooShort",
    "TooManyPasskeys",
    "TooManyWorkspaces",
    "UnverifiedAtProvider",
    "WorkspaceFull",
    "WrongPassword",
    "WrongSecondFactor",
]

"""Second factors, passkeys and other providers. The tree stands in the package's docstring."""

from shared_code.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    Unauthenticated,
    Unavailable,
)


class InvalidFlow(BadRequest):
    """What the request belongs to has ended, was used before, or never was."""

    code = "invalid_flow"
    title = "This has taken too long, or was done before; begin again"


class InvalidRedirectUri(BadRequest):
    """It is none of those that the deployment allows."""

    code = "invalid_redirect_uri"
    title = "This deployment does not send browsers back there"


class ProviderRefused(BadRequest):
    """Another provider says no, or its answer is not for us or not for this request."""

    code = "provider_refused"
    title = "The other provider did not confirm who you are; begin again"


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


class UnverifiedAtProvider(Forbidden):
    """The provider does not vouch for an address."""

    code = "email_not_verified_by_provider"
    title = "Confirm your e-mail address there first, or register here and link it"


class SecondFactorRequired(Forbidden):
    """The password alone does not do: the account has a second factor."""

    code = "second_factor_required"
    title = "Prove it with one of your second factors"


class WrongSecondFactor(Forbidden):
    """Not its digits, code or signature, or used before: never said which."""

    code = "wrong_second_factor"
    title = "The code or passkey is wrong, or was used before"


class NoSuchProvider(NotFound):
    """This deployment has none of the name."""

    code = "provider_not_found"
    title = "There is no such provider to sign in with"


class NoSuchIdentity(NotFound):
    """The account has none of the provider."""

    code = "identity_not_found"
    title = "Your account is not linked to this provider"


class NoSuchFactor(NotFound):
    """The account has no such second factor."""

    code = "factor_not_found"
    title = "There is no such second factor of yours"


class LinkFirst(Conflict):
    """An account has the address, and is not signed in to by it."""

    code = "link_first"
    title = "An account with this address exists: sign in to it, and link the other provider there"


class IdentityTaken(Conflict):
    """It is another account's."""

    code = "identity_taken"
    title = "Another account is linked to this one there"


class IdentityExists(Conflict):
    """An account has one of each provider."""

    code = "identity_exists"
    title = "Your account is linked to another one there; unlink that first"


class LastSignInMethod(Conflict):
    """Without it nobody could sign in."""

    code = "last_sign_in_method"
    title = "Set a password or confirm your address before you unlink this"


class FactorExists(Conflict):
    """An account has one authenticator app: the other must go first."""

    code = "factor_exists"
    title = "There is an authenticator app; remove it first"


class TooManyPasskeys(Conflict):
    """An account has a few."""

    code = "too_many_passkeys"
    title = "Remove a passkey before you add another"


class ProviderUnavailable(Unavailable):
    """Another provider does not answer, or not as the standard has it. What it was, the log says."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why

    def __str__(self) -> str:
        return self.why

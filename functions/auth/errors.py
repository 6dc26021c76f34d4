"""What auth refuses, below the general errors of shared_code.

AtriumError
├── Unauthenticated 401
│   └── InvalidCredentials      no such account, or not its password: never said which
├── NotFound 404
│   └── NoSuchAccount           for commands of those who run the platform; no route raises it
├── Conflict 409
│   └── EmailTaken              an account has this address
├── ValidationFailed 422
│   └── PasswordTooGuessable    the password repeats who its owner is
└── Unavailable 503
    ├── TooManyHashes           the queue for password hashing is full
    ├── RegistrationUnsettled   another try may have finished it: a repeat finds out
    └── NotConfigured
        ├── SecretTooShort      the key encryption secret would protect nothing
        ├── ForeignSecret       it is not the secret that sealed what is stored
        └── NoSigningKeys       the provision command has not run

Invariant: no message says whether an account exists, save EmailTaken.
"""

from shared_code.errors import (
    Conflict,
    FieldError,
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


class NoSuchAccount(NotFound):
    """No account has this address."""

    def __init__(self, email: str) -> None:
        super().__init__(f"no account has the address {email}")


class EmailTaken(Conflict):
    """An account has this address."""

    code = "email_taken"
    title = "An account with this e-mail address exists"


class PasswordTooGuessable(ValidationFailed):
    """The password repeats who its owner is."""

    def __init__(self) -> None:
        message = "must not be your e-mail address or your name"
        super().__init__(
            [FieldError(field="password", code="password_too_guessable", message=message)]
        )


class TooManyHashes(Unavailable):
    """The queue for password hashing is full."""


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

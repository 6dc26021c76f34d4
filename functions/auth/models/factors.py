"""Second factors and passkeys, as auth takes and gives them. Secrets show in no `repr`.

A proof by a second factor is one of three: the digits of an authenticator app, a recovery code, a passkey.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, JsonValue, StringConstraints, model_validator

from functions.auth.models.api import MAX_PASSWORD_LENGTH, SECRET
from functions.auth.models.stored import SessionKind
from shared_code.clock import Timestamp
from shared_code.endpoint import Model
from shared_code.text import Name

type Factor = Literal["totp", "recovery_code", "passkey"]
"""What can be asked for beside the first proof."""

type PasskeyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{16,1400}$")]
"""A credential's id, in base64url: of 16 to 1,023 bytes (WebAuthn)."""

# No `type` aliases: pydantic would not see that they are hidden in a repr.
Ticket = Annotated[str, Field(min_length=1, max_length=100, repr=False, json_schema_extra=SECRET)]
_HIDDEN = Field(default=None, repr=False, json_schema_extra=SECRET)
Credential = Annotated[dict[str, JsonValue], Field(repr=False)]


class SecondFactorNeeded(BaseModel):
    """The first proof was good; nobody is signed in until a second factor is proved with the ticket."""

    second_factor: Literal["needed"] = "needed"
    ticket: str = Field(repr=False)
    expires_in: int
    factors: list[Factor]


class PasskeyAnswer(Model):
    """What a passkey signed (`navigator.credentials.get`, as `toJSON` gives it), and which request it was."""

    flow: Ticket
    credential: Credential


class FactorProof(Model):
    """A proof by a second factor: exactly one."""

    totp: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")] | None = _HIDDEN
    recovery_code: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = _HIDDEN
    passkey: PasskeyAnswer | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.given) != 1:
            raise ValueError(f"give exactly one of {', '.join(self._proofs())}")
        return self

    @classmethod
    def _proofs(cls) -> tuple[str, ...]:
        return ("totp", "recovery_code", "passkey")

    @property
    def given(self) -> list[str]:
        """The proofs that were given."""
        return [name for name in self._proofs() if getattr(self, name) is not None]


class SecondFactorSignIn(FactorProof):
    """Finishing a sign-in with a second factor."""

    ticket: Ticket
    session: SessionKind = "body"


class StepUp(FactorProof):
    """Proof of who one is: the password, or a second factor where there is one."""

    password: (
        Annotated[str, StringConstraints(min_length=1, max_length=MAX_PASSWORD_LENGTH)] | None
    ) = _HIDDEN

    @classmethod
    def _proofs(cls) -> tuple[str, ...]:
        return ("password", *super()._proofs())


class PasskeyOptionsAsked(Model):
    """For a second factor the ticket of the sign-in; without one, for signing in with a passkey alone."""

    ticket: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = _HIDDEN


class PasskeyOptions(BaseModel):
    """`options` is for `navigator.credentials` (WebAuthn 3, as `parse...OptionsFromJSON` takes it)."""

    flow: str = Field(repr=False)
    options: dict[str, JsonValue]
    expires_in: int


class PasskeySignIn(PasskeyAnswer):
    """Signing in with a passkey alone."""

    session: SessionKind = "body"


class NewPasskey(PasskeyAnswer):
    """A passkey that was made (`navigator.credentials.create`), and what to call it."""

    name: Name


class PasskeyName(Model):
    """What to call a passkey."""

    name: Name


class PasskeyInfo(BaseModel):
    """A passkey, for its owner. `backed_up`: it is synchronised between devices."""

    id: str
    name: str
    created_at: Timestamp
    last_used_at: Timestamp | None
    backed_up: bool


class RecoveryCodesMade(BaseModel):
    """The codes, which are shown once: only their digests are kept."""

    recovery_codes: list[str] = Field(repr=False)


class FactorAdded(BaseModel):
    """A factor counts from now on. With the first one come recovery codes, which are shown once."""

    passkey: PasskeyInfo | None = None
    recovery_codes: list[str] | None = Field(default=None, repr=False)


class TotpSecret(BaseModel):
    """For an authenticator app: scan the QR code, or type the secret; then confirm with its digits."""

    secret: str = Field(repr=False)
    uri: str = Field(repr=False)
    qr_svg: str = Field(repr=False, description="An SVG image of the QR code, as a `data:` URL.")


class Factors(BaseModel):
    """The caller's second factors."""

    totp: bool
    recovery_codes_left: int
    passkeys: list[PasskeyInfo]

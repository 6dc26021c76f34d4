"""What each mail must be told, checked when the mail is asked for.

Invariant: a value that a template needs is there, and in its form, before the event exists; what a
template does not need is left out of it.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared_code.clock import Timestamp

type TemplateName = Literal[
    "verify_email",
    "confirm_new_email",
    "confirm_email_change",
    "email_changed",
    "reset_password",
    "password_changed",
    "sign_in_link",
    "workspace_invitation",
    "account_exists",
    "second_factor_changed",
    "identity_changed",
    "account_deletion",
    "sessions_revoked",
    "new_sign_in",
]

type Link = Annotated[str, Field(pattern=r"^https?://[^\s<>\"]+$", max_length=2_000)]
type Digits = Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class Values(BaseModel):
    """Of a mail that needs to be told nothing: it says what has happened, and when."""

    # Links and digits are secrets: an error that showed them would end up in a log.
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class LinkOnly(Values):
    """A link to click on."""

    link: Link


class LinkAndCode(LinkOnly):
    """A link, and the digits that stand for it."""

    code: Digits


class EmailChange(LinkAndCode):
    """For the old address: to which other one the account is to move."""

    new_email: str = Field(max_length=320)


class WorkspaceInvitation(LinkOnly):
    """To which workspace, by the name that its owner gave it, and until when."""

    workspace: str = Field(max_length=320)
    expires_at: Timestamp


class FactorChange(Values):
    """Which second factor, and what became of it."""

    factor: Literal["totp", "recovery_codes", "passkey"]
    change: Literal["added", "removed"]


class IdentityChange(Values):
    """Which provider, by the name that it has in the settings, and what became of it."""

    provider: str = Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")
    became: Literal["linked", "unlinked"]


class Deletion(Values):
    """When the account will be erased."""

    erase_at: Timestamp


class SignIn(Values):
    """From where somebody signed in: whatever it called itself."""

    device: str = Field(max_length=1_000)
    address: str = Field(max_length=100)


VALUES: Mapping[TemplateName, type[Values]] = {
    "verify_email": LinkAndCode,
    "confirm_new_email": LinkAndCode,
    "confirm_email_change": EmailChange,
    "email_changed": Values,
    "reset_password": LinkOnly,
    "password_changed": Values,
    "sign_in_link": LinkAndCode,
    "workspace_invitation": WorkspaceInvitation,
    "account_exists": Values,
    "second_factor_changed": FactorChange,
    "identity_changed": IdentityChange,
    "account_deletion": Deletion,
    "sessions_revoked": Values,
    "new_sign_in": SignIn,
}


def checked(template: TemplateName, values: Mapping[str, str | None]) -> Values:
    """The values of a mail. Raises ValidationError, which is a fault of ours."""
    return VALUES[template].model_validate(dict(values))


def read(template: TemplateName, plain: bytes) -> Values:
    """The values as `checked` gave them, from JSON. Raises ValidationError."""
    return VALUES[template].model_validate_json(plain)

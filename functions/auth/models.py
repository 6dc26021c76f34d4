"""What auth keeps, and what it takes and gives.

Invariant: what is kept (dataclasses) is never what is given (pydantic models), so that a stored secret
cannot leave by being added to a row; and a secret does not show in a `repr`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from functions.auth import emails
from shared_code.clock import Timestamp
from shared_code.endpoint import Model
from shared_code.text import Name

MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_LENGTH = 128
_MAX_EMAIL_LENGTH = 254

type Email = Annotated[
    str,
    Field(max_length=_MAX_EMAIL_LENGTH, json_schema_extra={"format": "email"}),
    AfterValidator(emails.accepted),
]


class NewAccount(Model):
    """The body of a registration."""

    email: Email
    # Taken exactly as sent: no stripping, no normalising, no rules of composition (ASVS 6.2).
    password: str = Field(
        min_length=MIN_PASSWORD_LENGTH,
        max_length=MAX_PASSWORD_LENGTH,
        repr=False,
        json_schema_extra={"format": "password", "writeOnly": True},
    )
    display_name: Name


class Credentials(Model):
    """The body of a login. A password's least length is not asked: it may be older than the rule."""

    email: Email
    password: str = Field(
        min_length=1,
        max_length=MAX_PASSWORD_LENGTH,
        repr=False,
        json_schema_extra={"format": "password", "writeOnly": True},
    )


class User(BaseModel):
    """A user as he sees himself."""

    id: str
    email: str
    display_name: str
    created_at: Timestamp
    roles: list[str] = []


class SignedIn(BaseModel):
    """The answer to a registration or a login."""

    user: User
    access_token: str = Field(repr=False)
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - RFC 6750's name of the type
    expires_in: int
    refresh_token: str = Field(repr=False)


@dataclass(frozen=True)
class Account:
    """An account as it is stored. `version` is the store's, for conditional writes."""

    user_id: str
    email: str
    display_name: str
    password_hash: str = field(repr=False)
    created_at: datetime
    roles: tuple[str, ...] = ()
    version: str | None = None


@dataclass(frozen=True)
class Reservation:
    """An address promised to a user id. After `expires_at` it stands only if that account exists.

    `request` is the digest of the request's Idempotency-Key, empty without one.
    """

    email_key: str
    user_id: str
    expires_at: datetime
    request: str = ""
    version: str | None = None


@dataclass(frozen=True)
class Session:
    """One signed-in device. `key` authenticates its refresh tokens, `counter` numbers the newest."""

    user_id: str
    session_id: str
    key: bytes = field(repr=False)
    counter: int
    created_at: datetime
    expires_at: datetime
    idle_expires_at: datetime


@dataclass(frozen=True)
class StoredKey:
    """A signing key at rest: its private half is sealed."""

    kid: str
    sealed: bytes = field(repr=False)
    created_at: datetime

"""What auth keeps: one partition for each user, and in it a row for each of these.

Invariant: what is kept is never what is given (answers.py), so that a stored secret cannot leave by being
added to a row; and a secret does not show in a `repr`. Each kind of row knows its RowKey.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from shared_code.records import Stored

type SessionKind = Literal["body", "cookie"]
type Method = Literal["password", "email", "provider", "passkey", "totp", "recovery_code"]
"""How somebody has proved who he is."""

type ReservationKind = Literal["email", "identity"]

type CodePurpose = Literal[
    "verify_email", "confirm_new_email", "confirm_email_change", "reset_password", "sign_in_link"
]


class Account(Stored):
    """An account. `password_hash` is None where one signs in otherwise.

    `token_version` stands in access tokens (`ver`): those of an older one are refused. `generation` stands
    in sessions: those of an older one have ended.
    """

    PREFIX: ClassVar[str] = "account"

    user_id: str
    email: str
    display_name: str
    password_hash: str | None = Field(repr=False)
    created_at: datetime
    email_verified_at: datetime | None = None
    roles: tuple[str, ...] = ()
    token_version: int = 0
    generation: int = 0
    password_changed_at: datetime | None = None
    signed_in_at: datetime | None = None
    erase_at: datetime | None = None


class Session(Stored):
    """One signed-in device. The sealed key authenticates its refresh tokens, `counter` numbers the newest."""

    PREFIX: ClassVar[str] = "s:"

    session_id: str
    sealed_key: bytes = Field(repr=False)
    counter: int = 0
    generation: int = 0
    kind: SessionKind = "body"
    methods: tuple[Method, ...]
    created_at: datetime
    expires_at: datetime
    idle_expires_at: datetime
    rotated_at: datetime
    authenticated_at: datetime
    address: str | None = None
    user_agent: str | None = None

    @property
    def row_key(self) -> str:
        """Where it stands in the partition."""
        return f"{self.PREFIX}{self.session_id}"


class Code(Stored):
    """What was sent by mail for one purpose: a link's secret and six digits, sealed together.

    A new one replaces the one before. `value` is what it confirms, such as a new address.
    """

    PREFIX: ClassVar[str] = "c:"

    purpose: CodePurpose
    sealed: bytes = Field(repr=False)
    sent_at: datetime
    expires_at: datetime
    tries: int = 0
    value: str | None = None
    confirmed: bool = False

    @property
    def row_key(self) -> str:
        """Where it stands in the partition."""
        return f"{self.PREFIX}{self.purpose}"


class Totp(Stored):
    """An authenticator app. Until it is confirmed it counts for nothing; a step is taken once."""

    PREFIX: ClassVar[str] = "f:totp"

    sealed_secret: bytes = Field(repr=False)
    created_at: datetime
    confirmed_at: datetime | None = None
    last_step: int = 0


class RecoveryCodes(Stored):
    """The digests of the codes that are left; one that is used leaves the list."""

    PREFIX: ClassVar[str] = "f:recovery"

    digests: tuple[str, ...] = Field(repr=False)
    created_at: datetime


class Passkey(Stored):
    """A WebAuthn credential. Ids and keys as base64url."""

    PREFIX: ClassVar[str] = "k:"

    credential_id: str
    public_key: str
    sign_count: int
    name: str
    created_at: datetime
    last_used_at: datetime | None = None
    transports: tuple[str, ...] = ()
    backed_up: bool = False

    @property
    def row_key(self) -> str:
        """Where it stands in the partition: an id may be too long for a key."""
        return f"{self.PREFIX}{self.credential_id[:200]}"


class Identity(Stored):
    """An account at another provider that signs in to this one. `subject` is the issuer's id of it."""

    PREFIX: ClassVar[str] = "i:"

    provider: str
    issuer: str
    subject: str
    email: str | None
    linked_at: datetime

    @property
    def row_key(self) -> str:
        """Where it stands in the partition: one of each provider."""
        return f"{self.PREFIX}{self.provider}"


@dataclass(frozen=True)
class Reservation:
    """An address, or an identity elsewhere, promised to a user id.

    After `expires_at` it stands only if that user's account exists and carries it.

    `request` is the digest of the request's Idempotency-Key, empty without one.
    """

    key: str
    user_id: str
    expires_at: datetime
    request: str = ""
    version: str | None = None
    kind: ReservationKind = "email"


@dataclass(frozen=True)
class StoredKey:
    """A signing key at rest: its private half is sealed."""

    kid: str
    sealed: bytes = field(repr=False)
    created_at: datetime

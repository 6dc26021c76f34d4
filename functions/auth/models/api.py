"""What auth takes and gives. Invariant: a secret does not show in a `repr`, nor in an error's text."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, JsonValue, StringConstraints, model_validator

from functions.auth import emails
from functions.auth.models.stored import Method, SessionKind
from shared_code.clock import Timestamp
from shared_code.endpoint import Model
from shared_code.ids import id_pattern
from shared_code.text import Name

MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_LENGTH = 128
_MAX_EMAIL_LENGTH = 254

type Email = Annotated[
    str,
    Field(max_length=_MAX_EMAIL_LENGTH, json_schema_extra={"format": "email"}),
    AfterValidator(emails.accepted),
]


# No `type` aliases: pydantic would not see that they are hidden in a repr.
SECRET: dict[str, JsonValue] = {"format": "password", "writeOnly": True}

# Taken exactly as sent: no stripping, no normalising, no rules of composition (ASVS 6.2).
NewPassword = Annotated[
    str,
    Field(
        min_length=MIN_PASSWORD_LENGTH,
        max_length=MAX_PASSWORD_LENGTH,
        repr=False,
        json_schema_extra=SECRET,
    ),
]

# Its least length is not asked: it may be older than the rule.
Password = Annotated[
    str,
    Field(min_length=1, max_length=MAX_PASSWORD_LENGTH, repr=False, json_schema_extra=SECRET),
]

LinkToken = Annotated[
    str, Field(min_length=1, max_length=200, repr=False, json_schema_extra=SECRET)
]
Digits = Annotated[str, Field(pattern=r"^[0-9]{6}$", repr=False, json_schema_extra=SECRET)]


class NewAccount(Model):
    """The body of a registration."""

    email: Email
    password: NewPassword
    display_name: Name
    session: SessionKind = "body"


class Credentials(Model):
    """The body of a login. With `session: "cookie"` the refresh token comes as a cookie only."""

    email: Email
    password: Password
    session: SessionKind = "body"


class Refresh(Model):
    """The body of a refresh: the newest refresh token, unless it comes as a cookie."""

    refresh_token: str | None = Field(
        default=None, max_length=200, repr=False, json_schema_extra=SECRET
    )


class ProfileChange(Model):
    """What to change of oneself; what is not named stays."""

    display_name: Name | None = None


class User(BaseModel):
    """A user as he sees himself."""

    id: str
    email: str
    email_verified: bool
    display_name: str
    created_at: Timestamp
    roles: list[str] = []
    erase_at: Timestamp | None = None


class SignedIn(BaseModel):
    """A session has begun, or goes on. `refresh_token` is null where it is in a cookie."""

    user: User
    access_token: str = Field(repr=False)
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - RFC 6750's name of the type
    expires_in: int
    refresh_token: str | None = Field(repr=False)
    device_token: str = Field(
        repr=False,
        description="Send it as X-Device-Token when signing in again from this device: then others' failed "
        "tries do not keep you out. It opens nothing.",
    )


class MailSent(BaseModel):
    """A mail is on its way to the address; whatever else is to be known, it says."""

    mail_sent: Literal[True] = True


type SessionId = Annotated[str, StringConstraints(pattern=id_pattern("ses"))]


class SessionInfo(BaseModel):
    """One signed-in device, for its user."""

    id: str
    current: bool
    user_agent: str | None
    address: str | None
    methods: list[Method]
    created_at: Timestamp
    last_seen_at: Timestamp
    expires_at: Timestamp


class NewPasswordOfOne(Model):
    """A change of password."""

    current_password: Password
    new_password: NewPassword


class PasswordReset(Model):
    """A new password, with the token of the link that came by mail."""

    token: LinkToken
    new_password: NewPassword


class EmailOnly(Model):
    """The address that a mail is asked for."""

    email: Email


class LinkAsked(BaseModel):
    """A mail is on its way, if the address has an account. Keep `browser`: the link works only with it."""

    browser: str = Field(repr=False)
    expires_in: int


class LinkSignIn(Model):
    """Signing in with what came by mail: the link's token, or the address and the digits."""

    token: str | None = Field(
        default=None, min_length=1, max_length=200, repr=False, json_schema_extra=SECRET
    )
    email: Email | None = None
    digits: str | None = Field(
        default=None, pattern=r"^[0-9]{6}$", repr=False, json_schema_extra=SECRET
    )
    browser: str = Field(max_length=100, repr=False, json_schema_extra=SECRET)
    session: SessionKind = "body"

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.token is None) == (self.email is None) or (self.email is None) != (
            self.digits is None
        ):
            raise ValueError('give either "token", or "email" and "digits"')
        return self


class Confirmation(Model):
    """What came by mail: the link's token."""

    token: LinkToken


class DigitsOnly(Model):
    """What came by mail: the digits."""

    digits: Digits


class NewEmail(Model):
    """The address that is to be one's own."""

    email: Email


class EmailChangeDigits(Model):
    """The digits of the mail to the new address, or to the old one."""

    side: Literal["new", "old"]
    digits: Digits


class EndSessions(Model):
    """Which sessions to end."""

    which: Literal["others", "all"]


class AuditQuery(BaseModel):
    """Where a page of the audit log starts."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, StringConstraints(pattern=id_pattern("aud"))] | None = None

"""Signing in with others, as auth takes and gives it. Secrets show in no `repr`."""

from typing import Annotated, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from functions.auth.models.api import SECRET
from functions.auth.models.stored import SessionKind
from shared_code.clock import Timestamp
from shared_code.endpoint import Model

type ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,30}$")]


class ProviderInfo(BaseModel):
    """A provider that one can sign in with."""

    name: str


class ProviderStart(Model):
    """Where the provider is to send the browser back to: one of AUTH_REDIRECT_URIS, exactly."""

    redirect_uri: Annotated[str, Field(max_length=2_000)]


class ProviderStarted(BaseModel):
    """Send the browser to `authorization_url`, and keep `browser`: what comes back works only with it."""

    authorization_url: str = Field(repr=False)
    state: str = Field(repr=False)
    browser: str = Field(repr=False)
    expires_in: int


class ProviderReturn(Model):
    """The parameters with which the provider sent the browser back, and the secret that it kept."""

    state: Annotated[str, Field(max_length=200, repr=False, json_schema_extra=SECRET)]
    browser: Annotated[str, Field(max_length=100, repr=False, json_schema_extra=SECRET)]
    code: str | None = Field(default=None, max_length=4_000, repr=False, json_schema_extra=SECRET)
    iss: str | None = Field(default=None, max_length=2_000)
    error: str | None = Field(default=None, max_length=200)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.code is None) == (self.error is None):
            raise ValueError('give either "code" or "error"')
        return self


class ProviderSignIn(ProviderReturn):
    """Signing in by what a provider gave."""

    session: SessionKind = "body"


class IdentityInfo(BaseModel):
    """An identity elsewhere, for its owner. `email` is what the provider said when it was linked."""

    provider: str
    email: str | None
    linked_at: Timestamp

"""What asking another provider needs and gives, whichever it is.

Invariant: every request carries PKCE (S256), a state that names one flow, and where there is an ID token a
nonce; all three are random and used once (RFC 9700).
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Protocol

_BYTES = 32


@dataclass(frozen=True)
class Profile:
    """Who somebody is at a provider. `subject` is the issuer's id of him, and never changes.

    `email` is worth nothing unless `email_verified`.
    """

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str | None


@dataclass(frozen=True)
class Started:
    """The secrets of one request, which the second one needs."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(_BYTES), repr=False)
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(_BYTES), repr=False)

    @property
    def challenge(self) -> str:
        """The verifier's S256 (RFC 7636)."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@dataclass(frozen=True)
class Return:
    """What the browser brings back; `issuer` is the parameter `iss` (RFC 9207), if it came."""

    code: str = field(repr=False)
    redirect_uri: str
    issuer: str | None = None


class Provider(Protocol):
    """One provider, as its settings describe it."""

    async def authorization_url(self, started: Started, state: str, redirect_uri: str) -> str:
        """Where to send the browser. No round trip while what the provider says of itself is young."""

    async def profile(self, started: Started, returned: Return) -> Profile:
        """Who has signed in there. Raises ProviderRefused, ProviderUnavailable."""

"""Asking GitHub, which has OAuth 2.0 and no ID token: who it is, its API says.

Invariant: the subject is GitHub's number of the account, since login names change hands.
Source: docs.github.com, "Authorizing OAuth apps" (PKCE since 2025) and "REST API endpoints for emails".
"""

from dataclasses import dataclass, field

from functions.auth.errors import ProviderRefused, ProviderUnavailable
from functions.auth.providers.asking import Profile, Return, Started
from functions.auth.providers.discovery import fetched, fetched_json
from functions.auth.providers.openid import posted, with_query

_PUBLIC = "https://github.com"


@dataclass(frozen=True)
class GitHub:
    """GitHub, or a GitHub Enterprise Server at another address."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)

    @property
    def _api(self) -> str:
        return "https://api.github.com" if self.issuer == _PUBLIC else f"{self.issuer}/api/v3"

    async def authorization_url(self, started: Started, state: str, redirect_uri: str) -> str:
        """As Provider.authorization_url. No request."""
        query = {
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "scope": "read:user user:email",
            "state": state,
            "code_challenge": started.challenge,
            "code_challenge_method": "S256",
        }
        return with_query(f"{self.issuer}/login/oauth/authorize", query)

    async def profile(self, started: Started, returned: Return) -> Profile:
        """As Provider.profile. Three requests."""
        form = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "code": returned.code,
            "redirect_uri": returned.redirect_uri,
            "code_verifier": started.verifier,
        }
        url = f"{self.issuer}/login/oauth/access_token"
        tokens = await posted(url, form, {"Accept": "application/json"})
        token = tokens.get("access_token")
        if not isinstance(token, str):  # GitHub says errors with 200
            raise ProviderRefused
        user = await fetched(f"{self._api}/user", token)
        number, name = user.get("id"), user.get("name") or user.get("login")
        if not isinstance(number, int) or isinstance(number, bool):
            raise ProviderRefused
        email = await self._email(token)
        return Profile(
            issuer=self.issuer,
            subject=str(number),
            email=email,
            email_verified=email is not None,
            name=name if isinstance(name, str) else None,
        )

    async def _email(self, token: str) -> str | None:
        """The primary address, if GitHub has verified it."""
        url = f"{self._api}/user/emails"
        listed = await fetched_json(url, token)
        if not isinstance(listed, list):
            raise ProviderUnavailable(f"{url} answers no list")
        for each in listed:
            if isinstance(each, dict) and each.get("primary") and each.get("verified") is True:
                return str(each.get("email"))
        return None

"""Asking a provider by OpenID Connect: the authorization code flow with PKCE.

Invariant: a code is exchanged at the provider that the flow was begun with, and nowhere else, whatever the
browser brings back (RFC 9207, mix-up).
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from functions.auth.errors import ProviderRefused, ProviderUnavailable
from functions.auth.providers.asking import Profile, Return, Started
from functions.auth.providers.discovery import Metadata, as_object, fetched, json_of, metadata
from functions.auth.providers.id_tokens import verified
from shared_code.outgoing import NoAnswer, ask

_SECONDS = 5.0
_MAX_BYTES = 200_000
_TRUE = (True, 1, "true", "1")  # some providers write it as text


@dataclass(frozen=True)
class OpenIdProvider:
    """A provider with discovery."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    scopes: str

    async def authorization_url(self, started: Started, state: str, redirect_uri: str) -> str:
        """As Provider.authorization_url."""
        found = await metadata(self.issuer)
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "scope": self.scopes,
            "state": state,
            "nonce": started.nonce,
            "code_challenge": started.challenge,
            "code_challenge_method": "S256",
        }
        return with_query(found.authorization_endpoint, query)

    async def profile(self, started: Started, returned: Return) -> Profile:
        """As Provider.profile. Two or three requests, and those of metadata and keys."""
        found = await metadata(self.issuer)
        says_who = returned.issuer is not None or found.sends_issuer
        if says_who and returned.issuer != found.issuer:
            raise ProviderRefused
        tokens = await self._exchanged(found, started, returned)
        claims = await verified(
            str(tokens.get("id_token", "")), found, self.client_id, started.nonce
        )
        if "email" not in claims and found.userinfo_endpoint and tokens.get("access_token"):
            more = await fetched(found.userinfo_endpoint, str(tokens["access_token"]))
            if more.get("sub") != claims["sub"]:
                raise ProviderRefused
            claims = {**more, **claims}
        return _profile(claims, is_microsoft=urlsplit(self.issuer).hostname == _MICROSOFT)

    async def _exchanged(
        self, found: Metadata, started: Started, returned: Return
    ) -> dict[str, Any]:
        """The tokens for the code. Raises ProviderRefused, ProviderUnavailable."""
        form = {
            "grant_type": "authorization_code",
            "code": returned.code,
            "redirect_uri": returned.redirect_uri,
            "code_verifier": started.verifier,
        }
        headers = {"Accept": "application/json"}
        if self.client_secret and found.takes_basic:
            headers["Authorization"] = basic(self.client_id, self.client_secret)
        else:
            form["client_id"] = self.client_id
            if self.client_secret:
                form["client_secret"] = self.client_secret
        return await posted(found.token_endpoint, form, headers)


_MICROSOFT = "login.microsoftonline.com"


def _profile(claims: dict[str, Any], *, is_microsoft: bool) -> Profile:
    email, name = claims.get("email"), claims.get("name")
    # Microsoft: anybody can write any address into a tenant of his own, unless the domain is proved.
    proof = claims.get("xms_edov") if is_microsoft else claims.get("email_verified")
    return Profile(
        issuer=claims["iss"],
        subject=claims["sub"],
        email=email if isinstance(email, str) else None,
        email_verified=proof in _TRUE,
        name=name if isinstance(name, str) else None,
    )


def with_query(endpoint: str, query: dict[str, str]) -> str:
    """The address with these parameters added."""
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"


def basic(client_id: str, secret: str) -> str:
    """The header of HTTP Basic, its parts encoded as OAuth wants it (RFC 6749, 2.3.1)."""
    from base64 import b64encode

    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return f"Basic {b64encode(pair.encode()).decode()}"


async def posted(url: str, form: dict[str, str], headers: dict[str, str]) -> dict[str, Any]:
    """The JSON object that a token endpoint answers. Raises ProviderRefused, ProviderUnavailable."""
    try:
        answer = await ask(
            "POST", url, seconds=_SECONDS, max_bytes=_MAX_BYTES, headers=headers, form=form
        )
    except NoAnswer as error:
        raise ProviderUnavailable(f"{url} does not answer") from error
    if answer.status == HTTPStatus.UNAUTHORIZED:  # invalid_client: RFC 6749, 5.2
        raise ProviderUnavailable(f"{url} does not know our client id and secret")
    if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}:
        raise ProviderRefused
    if answer.status != HTTPStatus.OK:
        raise ProviderUnavailable(f"{url} answers {answer.status}")
    return as_object(json_of(answer, url), url)

"""Tokens of Microsoft Entra for identity-based connections, by azure-identity.

Invariant: a token is asked for only when a request needs one and the last is about to end, off the
event loop, because a credential may run `az` or wait for an address that does not answer.
"""

import asyncio
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

_RENEW_BEFORE_SECONDS = 300


class IdentityError(Exception):
    """No token can be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the app is to a service; with nothing set, whoever DefaultAzureCredential finds."""

    client_id: str = ""
    tenant_id: str = ""
    client_secret: str = ""
    managed: bool = False


class TokenSource:
    """Gives the tokens of one identity for one audience."""

    def __init__(self, identity: Identity, scope: str) -> None:
        self._identity = identity
        self._scope = scope
        self._token = ("", 0.0)
        self._asking = asyncio.Lock()

    async def token(self) -> str:
        """Return a token that is good for some minutes more.

        Raises:
            IdentityError: if none can be had.
        """
        async with self._asking:
            if self._token[1] - _RENEW_BEFORE_SECONDS < time.time():
                self._token = await asyncio.to_thread(self._ask)
        return self._token[0]

    def _ask(self) -> tuple[str, float]:
        try:
            found = _credential(self._identity).get_token(self._scope)
        except Exception as error:  # azure-identity and what it runs raise many kinds
            raise IdentityError(
                "no identity could be found for an identity-based connection; sign in with `az "
                f"login`, or use a connection string. {str(error).splitlines()[0]}"
            ) from error
        return found.token, float(found.expires_on)


@cache
def _credential(identity: Identity) -> Any:
    """One credential for each identity: it remembers which way of asking worked."""
    from azure import identity as azure_identity

    if identity.client_secret:
        return azure_identity.ClientSecretCredential(
            identity.tenant_id, identity.client_id, identity.client_secret
        )
    if identity.managed:
        return azure_identity.ManagedIdentityCredential(client_id=identity.client_id or None)
    return azure_identity.DefaultAzureCredential()

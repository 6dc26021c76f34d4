"""The REST side of Web PubSub: who may call it, signed tokens, and sending a request.

Invariant: a token for a REST call is good for that address and for a minute, as the official SDK's
are; a token for a client is good for an hour, as the extension's are.
"""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from emulators.functions_host.clients.connection import Connection
from emulators.functions_host.clients.identity import IdentityError, TokenSource
from emulators.functions_host.model import BindingError, InvocationError

API_VERSION = "2024-12-01"
DEFAULT_CONNECTION = "WebPubSubConnectionString"
_TOKEN_SECONDS = 60
_CLIENT_TOKEN_SECONDS = 60 * 60
_SCOPE = "https://webpubsub.azure.com/.default"
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Access:
    """A Web PubSub resource: its address, and the key or the identity for it."""

    endpoint: str
    key: str
    tokens: TokenSource | None = None

    @property
    def host(self) -> str:
        """The host name without port: what the service calls its origin."""
        return urlsplit(self.endpoint).hostname or ""


def of(connection: Connection) -> Access:
    """Return the resource behind a connection.

    Raises:
        BindingError: if the connection lacks its address or its credential.
    """
    if connection.text:
        return parse(connection.text)
    tokens = TokenSource(connection.identity(), _SCOPE)
    return Access(connection.address("serviceUri"), "", tokens)


def parse(connection: str) -> Access:
    """Read a connection string.

    Raises:
        BindingError: if it lacks its endpoint or its key.
    """
    parts = {
        name.strip().lower(): value.strip()
        for name, _, value in (item.partition("=") for item in connection.split(";"))
    }
    endpoint, key = parts.get("endpoint", "").rstrip("/"), parts.get("accesskey", "")
    if not endpoint or not key:
        raise BindingError("a Web PubSub connection string needs Endpoint and AccessKey")
    if port := parts.get("port"):
        endpoint = f"{endpoint}:{port}"
    return Access(endpoint, key)


def signature(key: str, connection_id: str) -> str:
    """Return what the service signs an event of a connection with."""
    return "sha256=" + hmac.digest(key.encode(), connection_id.encode(), hashlib.sha256).hex()


class WebPubSubClient:
    """Sends REST calls for one hub."""

    def __init__(self, session: aiohttp.ClientSession, access: Access, hub: str) -> None:
        self._session = session
        self._access = access
        self._hub = hub
        self._base = f"{access.endpoint}/api/hubs/{hub}"

    @property
    def client_endpoint(self) -> str:
        """Where clients connect to."""
        scheme, _, rest = self._access.endpoint.partition("://")
        return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/client/hubs/{self._hub}"

    async def client_token(self, user: str | None) -> str:
        """Return a token with which one client may connect; without an identity nobody is asked.

        Raises:
            InvocationError: if the service has to be asked, and does not answer.
        """
        if self._access.tokens is None:
            audience = f"{self._access.endpoint}/client/hubs/{self._hub}"
            claims = {} if user is None else {"sub": user}
            return _signed(self._access.key, audience, _CLIENT_TOKEN_SECONDS, claims)
        query = "" if user is None else f"?userId={quote(user, safe='')}"
        answer = await self.send("POST", f":generateToken{query}")
        return str(json.loads(answer)["token"])

    async def send(
        self, method: str, path: str, body: bytes = b"", content_type: str | None = None
    ) -> str:
        """Make one call; the path is escaped and may carry a query.

        Raises:
            InvocationError: if the service refuses or cannot be reached.
        """
        joint = "&" if "?" in path else "?"
        url = f"{self._base}/{path}{joint}api-version={API_VERSION}"
        headers = {"authorization": f"Bearer {await self._token(url)}"}
        if content_type is not None:
            headers["content-type"] = content_type
        try:
            async with self._session.request(
                method, URL(url, encoded=True), headers=headers, data=body
            ) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise InvocationError(f"Web PubSub cannot be reached: {error}") from error
        if answer.status >= _FIRST_ERROR:
            raise InvocationError(f"Web PubSub answered {answer.status} to {method} {path}: {text}")
        return text

    async def _token(self, audience: str) -> str:
        if self._access.tokens is None:
            return _signed(self._access.key, audience, _TOKEN_SECONDS, {})
        try:
            return await self._access.tokens.token()
        except IdentityError as error:
            raise InvocationError(str(error)) from error


def _signed(key: str, audience: str, seconds: int, more: dict[str, Any]) -> str:
    now = int(time.time())
    claims = {"aud": audience, "iat": now, "exp": now + seconds, **more}
    signed = f"{_HEADER}.{_base64(claims)}"
    digest = hmac.digest(key.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _base64(value: dict[str, Any]) -> str:
    text = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


_HEADER = _base64({"alg": "HS256", "typ": "JWT"})

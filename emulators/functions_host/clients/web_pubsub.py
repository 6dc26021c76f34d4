"""The REST side of Web PubSub: a connection string, signed tokens, and sending a request.

Invariant: a token is good for one request's address and for a minute, as the official SDK's are.
"""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from emulators.functions_host.model import BindingError, OutputError

API_VERSION = "2024-12-01"
DEFAULT_CONNECTION = "WebPubSubConnectionString"
_TOKEN_SECONDS = 60
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Access:
    """What a Web PubSub connection string says."""

    endpoint: str
    key: str

    @property
    def host(self) -> str:
        """The host name without port: what the service calls its origin."""
        return urlsplit(self.endpoint).hostname or ""


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
        self._base = f"{access.endpoint}/api/hubs/{hub}"

    async def send(
        self, method: str, path: str, body: bytes = b"", content_type: str | None = None
    ) -> None:
        """Make one call; the path is escaped and may carry a query.

        Raises:
            OutputError: if the service refuses or cannot be reached.
        """
        joint = "&" if "?" in path else "?"
        url = f"{self._base}/{path}{joint}api-version={API_VERSION}"
        headers = {"authorization": f"Bearer {self._token(url)}"}
        if content_type is not None:
            headers["content-type"] = content_type
        try:
            async with self._session.request(
                method, URL(url, encoded=True), headers=headers, data=body
            ) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise OutputError(f"Web PubSub cannot be reached: {error}") from error
        if answer.status >= _FIRST_ERROR:
            raise OutputError(f"Web PubSub answered {answer.status} to {method} {path}: {text}")

    def _token(self, audience: str) -> str:
        now = int(time.time())
        claims = {"aud": audience, "iat": now, "exp": now + _TOKEN_SECONDS}
        signed = f"{_HEADER}.{_base64({**claims})}"
        digest = hmac.digest(self._access.key.encode(), signed.encode(), hashlib.sha256)
        return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _base64(value: dict[str, Any]) -> str:
    text = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


_HEADER = _base64({"alg": "HS256", "typ": "JWT"})

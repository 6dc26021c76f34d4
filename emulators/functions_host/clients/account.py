"""A storage account as a connection describes it, and how its requests are signed.

Own requests and not the SDK: a poll ten times a second must cost little, the service version is
ours to pin (Azurite refuses the newest), and start-up does not wait for the SDK's import.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import parse_qsl, urlsplit

from emulators.functions_host.clients.connection import Connection
from emulators.functions_host.clients.identity import TokenSource
from emulators.functions_host.model import BindingError

API_VERSION = "2021-12-02"
_SCOPE = "https://storage.azure.com/.default"
_DEVELOPMENT_NAME = "devstoreaccount1"
# Published by Microsoft for every emulator: no secret.
_DEVELOPMENT_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
_DEVELOPMENT_PORTS = {"blob": 10000, "queue": 10001, "table": 10002}
# The headers that stand in the string to sign, in their order.
_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


@dataclass(frozen=True, slots=True)
class Account:
    """The address of one of an account's services, and a key, a signature or an identity for it."""

    name: str
    service: str
    endpoint: str
    key: bytes = b""
    sas: str = ""
    tokens: TokenSource | None = None

    def url(self, path: str, query: str = "") -> str:
        """Return the address of something in the service, path and query already escaped."""
        joined = "&".join(part for part in (query, self.sas) if part)
        return f"{self.endpoint}/{path}" + (f"?{joined}" if joined else "")

    async def headers(self, method: str, url: str, extra: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a request, with its signature (unless the address carries one).

        Raises:
            IdentityError: if the account is reached by identity, and there is none.
        """
        headers = {
            "x-ms-date": formatdate(usegmt=True),
            "x-ms-version": API_VERSION,
            **extra,
        }
        if self.tokens is not None:
            headers["authorization"] = f"Bearer {await self.tokens.token()}"
        elif not self.sas:
            text = self._to_sign(method, url, headers)
            digest = hmac.digest(self.key, text.encode(), hashlib.sha256)
            signature = base64.b64encode(digest).decode()
            headers["authorization"] = f"SharedKey {self.name}:{signature}"
        return headers

    def _to_sign(self, method: str, url: str, headers: Mapping[str, str]) -> str:
        if self.service == "table":
            names = ("content-md5", "content-type", "x-ms-date")
            return "\n".join([method, *(headers.get(name, "") for name in names), self._path(url)])
        signed = [method, *(headers.get(name, "") for name in _SIGNED)]
        # A zero length is signed as an empty line.
        signed[3] = "" if signed[3] == "0" else signed[3]
        lowered = {name.lower(): value for name, value in headers.items()}
        own = sorted(f"{k}:{v}" for k, v in lowered.items() if k.startswith("x-ms-"))
        return "\n".join([*signed, *own, self._path(url), *_query_lines(url)])

    def _path(self, url: str) -> str:
        return f"/{self.name}{urlsplit(url).path}"


def of(connection: Connection, service: str) -> Account:
    """Return one service (`queue`, `blob` or `table`) of the account behind a connection.

    Raises:
        BindingError: if the connection names no account, no address or no credential.
    """
    if connection.text:
        return parse(connection.text, service)
    if account := connection.get("accountName"):
        endpoint = f"https://{account}.{service}.core.windows.net"
    else:
        endpoint = connection.address(f"{service}ServiceUri", "serviceUri")
    tokens = TokenSource(connection.identity(), _SCOPE)
    return Account(account, service, endpoint, tokens=tokens)


def parse(connection: str, service: str) -> Account:
    """Read a storage connection string for one service (`queue`, `blob` or `table`).

    Raises:
        BindingError: if the string names no account, no address or no credential.
    """
    parts = {
        name.strip().lower(): value.strip()
        for name, _, value in (item.partition("=") for item in connection.split(";"))
        if name.strip()
    }
    if parts.get("usedevelopmentstorage", "").lower() == "true":
        endpoint = f"http://127.0.0.1:{_DEVELOPMENT_PORTS[service]}/{_DEVELOPMENT_NAME}"
        key = base64.b64decode(_DEVELOPMENT_KEY)
        return Account(_DEVELOPMENT_NAME, service, endpoint, key)
    name = parts.get("accountname", "")
    endpoint = parts.get(f"{service}endpoint") or _default_endpoint(parts, name, service)
    sas = parts.get("sharedaccesssignature", "").lstrip("?")
    if not endpoint or not (parts.get("accountkey") or sas):
        raise BindingError(
            "a storage connection string needs AccountName and AccountKey, or "
            f"{service.capitalize()}Endpoint and SharedAccessSignature"
        )
    key = _key(parts.get("accountkey", ""))
    return Account(name, service, endpoint.rstrip("/"), key, sas)


def _query_lines(url: str) -> list[str]:
    given = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return sorted(f"{name.lower()}:{value}" for name, value in given)


def _default_endpoint(parts: Mapping[str, str], name: str, service: str) -> str:
    if not name:
        return ""
    scheme = parts.get("defaultendpointsprotocol", "https")
    return f"{scheme}://{name}.{service}.{parts.get('endpointsuffix', 'core.windows.net')}"


def _key(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise BindingError("AccountKey in a storage connection string is not base64") from error

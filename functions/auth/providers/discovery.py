"""What a provider says of itself: its metadata (OpenID Connect Discovery 1.0), and its keys.

Invariants: the document is of the issuer that was asked, and its addresses are as safe as the issuer's; a
process asks once an hour, and for a key that it does not know once a minute at most; one request at a time,
and after a failure none for some seconds, so that a provider that hangs does not hold everybody up.
"""

import asyncio
import ipaddress
import json
import time
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from functions.auth.errors import ProviderUnavailable
from shared_code.outgoing import Answer, NoAnswer, ask

_SECONDS = 5.0
_MAX_BYTES = 500_000
_MAX_AGE = 3600.0
_UNKNOWN_KEY_PAUSE = 60.0
_FAILURE_PAUSE = 5.0
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
TENANT = "{tenantid}"
"""In Microsoft's issuer for all tenants: each ID token names its own."""


@dataclass(frozen=True)
class Metadata:
    """What is used of the document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    sends_issuer: bool
    takes_basic: bool


@dataclass
class _Cached[Value]:
    value: Value
    asked_at: float = field(default_factory=time.monotonic)

    def is_younger_than(self, age: float) -> bool:
        return time.monotonic() - self.asked_at < age


@cache
def _documents() -> dict[str, _Cached[Metadata]]:
    return {}


@cache
def _key_sets() -> dict[str, _Cached[list[dict[str, Any]]]]:
    return {}


@cache
def _turns() -> dict[str, asyncio.Lock]:
    return {}


@cache
def _failures() -> dict[str, float]:
    return {}


def forget() -> None:
    """Forget what providers have said, for tests."""
    for each in (_documents, _key_sets, _turns, _failures):
        each.cache_clear()


async def metadata(issuer: str) -> Metadata:
    """What the issuer says of itself. One request, none within the hour. Raises ProviderUnavailable."""
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    async with _turn(url):
        held = _documents().get(issuer)
        if held is None or not held.is_younger_than(_MAX_AGE):
            held = _documents()[issuer] = _Cached(_read(issuer, await _asked_again(url)))
        return held.value


def _turn(url: str) -> asyncio.Lock:
    """One asks, the others wait for what it hears."""
    return _turns().setdefault(url, asyncio.Lock())


async def _asked_again(url: str) -> dict[str, Any]:
    """What the provider answers; for some seconds after a failure it is not asked again."""
    failed_at = _failures().get(url)
    if failed_at is not None and time.monotonic() - failed_at < _FAILURE_PAUSE:
        raise ProviderUnavailable(f"{url} has just failed")
    try:
        return await fetched(url)
    except ProviderUnavailable:
        _failures()[url] = time.monotonic()
        raise


def _read(issuer: str, document: dict[str, Any]) -> Metadata:
    """The parts that are used. Raises ProviderUnavailable for a document that is another's."""
    said = document.get("issuer")
    is_same = said == issuer or (isinstance(said, str) and _is_of_any_tenant(issuer, said))
    addresses = [document.get(name) for name in _NEEDED]
    if not is_same or not all(map(is_safe, addresses)):
        raise ProviderUnavailable(f"{issuer} describes something else")
    userinfo = document.get("userinfo_endpoint")
    # Without the word it takes basic: OpenID Connect Discovery 1.0, 3.
    methods = document.get("token_endpoint_auth_methods_supported")
    return Metadata(
        issuer=str(said),
        authorization_endpoint=document["authorization_endpoint"],
        token_endpoint=document["token_endpoint"],
        jwks_uri=document["jwks_uri"],
        userinfo_endpoint=userinfo if is_safe(userinfo) else None,
        sends_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        takes_basic=not isinstance(methods, list) or "client_secret_basic" in methods,
    )


def _is_of_any_tenant(issuer: str, said: str) -> bool:
    """`…/common/v2.0` says `…/{tenantid}/v2.0`."""
    return TENANT in said and said.replace(TENANT, "common") == issuer


def is_safe(url: Any) -> bool:
    """Whether it is an address between which and us nobody stands: https, or this machine."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        host = parts.hostname
    except ValueError:
        return False
    if not host or parts.username is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_this_machine(host))


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def key_of(found: Metadata, kid: str | None) -> dict[str, Any] | None:
    """The issuer's key of this id (or its only one), as JWK. One request, none while it is known."""
    async with _turn(found.jwks_uri):
        held = _key_sets().get(found.jwks_uri)
        if held is None or not held.is_younger_than(_MAX_AGE):
            held = await _asked(found)
        key = _pick(held.value, kid)
        if key is None and not held.is_younger_than(_UNKNOWN_KEY_PAUSE):
            key = _pick((await _asked(found)).value, kid)
        return key


async def _asked(found: Metadata) -> _Cached[list[dict[str, Any]]]:
    keys = (await _asked_again(found.jwks_uri)).get("keys")
    if not isinstance(keys, list):
        raise ProviderUnavailable(f"{found.jwks_uri} is no key set")
    held = _Cached([each for each in keys if isinstance(each, dict)])
    _key_sets()[found.jwks_uri] = held
    return held


def _pick(keys: list[dict[str, Any]], kid: str | None) -> dict[str, Any] | None:
    signing = [each for each in keys if each.get("use", "sig") == "sig"]
    if kid is None:
        return signing[0] if len(signing) == 1 else None
    return next((each for each in signing if each.get("kid") == kid), None)


async def fetched(url: str, token: str | None = None) -> dict[str, Any]:
    """A JSON object from a provider. Raises ProviderUnavailable."""
    return as_object(await fetched_json(url, token), url)


async def fetched_json(url: str, token: str | None = None) -> Any:
    """Any JSON from a provider. Raises ProviderUnavailable."""
    headers = {"Accept": "application/json", "User-Agent": "atrium"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        answer = await ask("GET", url, seconds=_SECONDS, max_bytes=_MAX_BYTES, headers=headers)
    except NoAnswer as error:
        raise ProviderUnavailable(f"{url} does not answer") from error
    if answer.status != HTTPStatus.OK:
        raise ProviderUnavailable(f"{url} answers {answer.status}")
    return json_of(answer, url)


def json_of(answer: Answer, url: str) -> Any:
    """The JSON of an answer. Raises ProviderUnavailable."""
    try:
        return json.loads(answer.body)
    except ValueError as error:
        raise ProviderUnavailable(f"{url} answers no JSON") from error


def as_object(found: Any, url: str) -> dict[str, Any]:
    """What was found, an object. Raises ProviderUnavailable for anything else."""
    if not isinstance(found, dict):
        raise ProviderUnavailable(f"{url} answers no object")
    return found

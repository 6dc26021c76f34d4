"""Whether an ID token is the provider's own, for us, and for this request (OpenID Connect Core 1.0, 3.1.3.7).

Invariant: only asymmetric algorithms, keys only from the provider's published set and only as key objects, so
that neither our client secret nor a public key can pass for an HMAC's; issuer, audience, time and nonce.
"""

import hmac
from typing import Any

from functions.auth.errors import ProviderRefused
from functions.auth.providers.discovery import TENANT, Metadata, key_of

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
_MAX_SUBJECT = 255  # OpenID Connect Core 1.0, 2
_CLOCK_SKEW_SECONDS = 60
_RSA = {"RS256", "PS256"}
_LEAST_RSA_BITS = 2048


async def verified(token: str, found: Metadata, client_id: str, nonce: str) -> dict[str, Any]:
    """The claims of the token. No request while its key is known. Raises ProviderRefused."""
    import jwt

    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS or str(header.get("typ", "JWT")).upper() != "JWT":
            raise ProviderRefused
        key = await key_of(found, header.get("kid"))
        if key is None or key.get("alg", algorithm) != algorithm:
            raise ProviderRefused
        opened = jwt.PyJWK(key, algorithm).key
        if algorithm in _RSA and opened.key_size < _LEAST_RSA_BITS:
            raise ProviderRefused
        claims: dict[str, Any] = jwt.decode(
            token,
            opened,
            algorithms=[algorithm],
            audience=client_id,
            leeway=_CLOCK_SKEW_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise ProviderRefused from error
    _check(claims, found, client_id, nonce)
    # Microsoft's keys say whose they are, since they are published for all tenants together.
    owner = key.get("issuer")
    if owner is not None and str(owner).replace(TENANT, str(claims.get("tid"))) != claims["iss"]:
        raise ProviderRefused
    return claims


def _check(claims: dict[str, Any], found: Metadata, client_id: str, nonce: str) -> None:
    """What PyJWT does not look at. Raises ProviderRefused."""
    issuer = found.issuer.replace(TENANT, str(claims.get("tid", "")))
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    party = claims.get("azp", None if several else client_id)
    is_asked_for = isinstance(claims.get("nonce"), str) and hmac.compare_digest(
        claims["nonce"].encode("utf-8", "surrogatepass"), nonce.encode()
    )
    subject = claims["sub"]
    is_somebody = isinstance(subject, str) and 1 <= len(subject) <= _MAX_SUBJECT
    if claims["iss"] != issuer or party != client_id or not is_asked_for or not is_somebody:
        raise ProviderRefused

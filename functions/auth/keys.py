"""Signing keys: Ed25519, one that signs and one that will.

Invariant: the next key is published before it signs, so that a rotation finds every verifier ready;
a private key is in the clear in the memory of a process that signs, and nowhere else.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from functions.auth.models import StoredKey
from functions.auth.sealing import seal, unseal
from shared_code.clock import utcnow
from shared_code.ids import new_id
from shared_code.tokens import ALGORITHM

if TYPE_CHECKING:  # imported on first use: a cold start pays for what it uses
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

CURRENT = "current"
NEXT = "next"
ROLES = (CURRENT, NEXT)


@dataclass(frozen=True)
class SigningKey:
    """An opened key."""

    kid: str
    private: "Ed25519PrivateKey"

    def jwk(self) -> dict[str, Any]:
        """The public half (RFC 8037)."""
        x = base64.urlsafe_b64encode(self.private.public_key().public_bytes_raw()).rstrip(b"=")
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": x.decode(),
            "kid": self.kid,
            "alg": ALGORITHM,
            "use": "sig",
        }


@dataclass(frozen=True)
class KeyRing:
    """The keys by role, opened."""

    keys: Mapping[str, SigningKey]

    @property
    def current(self) -> SigningKey:
        """The key that signs."""
        return self.keys[CURRENT]

    def jwks(self) -> bytes:
        """The JWKS document: the same bytes for the same keys."""
        document = {"keys": [self.keys[role].jwk() for role in ROLES]}
        return json.dumps(document, separators=(",", ":")).encode()


def new_key() -> StoredKey:
    """A new key, sealed. Raises NotConfigured when there is no secret to seal it with."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    kid = new_id("key")
    private = Ed25519PrivateKey.generate().private_bytes_raw()
    return StoredKey(kid, seal(private, kid), utcnow())


def open_ring(stored: Mapping[str, StoredKey]) -> KeyRing:
    """The ring of the stored keys, which must hold every role. Raises ForeignSecret."""
    return KeyRing({role: _open(stored[role]) for role in ROLES})


def _open(stored: StoredKey) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(unseal(stored.sealed, stored.kid))
    return SigningKey(stored.kid, private)

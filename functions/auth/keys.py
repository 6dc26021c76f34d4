"""Signing keys: Ed25519, in three roles, and how the keys pass from one role to the next.

Invariant: the next key is published before it signs, so that a rotation finds every verifier ready, and
the previous one as long as its tokens live, without its private half. A private key is in the clear in
the memory of a process that signs, and nowhere else; also the public half of the previous key is stored
sealed, so that who can write to the table cannot have a key of his own published.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from functions.auth import sealing
from functions.auth.models import StoredKey
from shared_code.clock import utcnow
from shared_code.ids import new_id
from shared_code.tokens import ALGORITHM

if TYPE_CHECKING:  # imported on first use: a cold start pays for what it uses
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PREVIOUS = "previous"
CURRENT = "current"
NEXT = "next"
ROLES = (PREVIOUS, CURRENT, NEXT)
"""In the order in which they are published. There is no previous key before the first rotation."""
SIGNING_ROLES = (CURRENT, NEXT)

type StoredKeys = Mapping[str, StoredKey]
"""The keys at rest, by role."""


@dataclass(frozen=True)
class SigningKey:
    """An opened key that signs, or will."""

    kid: str
    private: "Ed25519PrivateKey"

    @property
    def public(self) -> bytes:
        """The public half."""
        return self.private.public_key().public_bytes_raw()


@dataclass(frozen=True)
class RetiredKey:
    """What is left of a key that signs no more: it verifies."""

    kid: str
    public: bytes


@dataclass(frozen=True)
class KeyRing:
    """The keys by role, opened."""

    previous: RetiredKey | None
    current: SigningKey
    next: SigningKey

    def jwks(self) -> bytes:
        """The JWKS document: the same bytes for the same keys."""
        found = (self.previous, self.current, self.next)
        document = {"keys": [_jwk(each) for each in found if each]}
        return json.dumps(document, separators=(",", ":")).encode()


def _jwk(key: SigningKey | RetiredKey) -> dict[str, Any]:
    """The public half (RFC 8037)."""
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": base64.urlsafe_b64encode(key.public).rstrip(b"=").decode(),
        "kid": key.kid,
        "alg": ALGORITHM,
        "use": "sig",
    }


def new_key() -> StoredKey:
    """A new key, sealed. Raises NotConfigured when there is no secret to seal it with."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    kid = new_id("key")
    private = Ed25519PrivateKey.generate().private_bytes_raw()
    return StoredKey(kid, sealing.seal(private, kid), utcnow())


def first_keys() -> StoredKeys:
    """The keys of a new deployment."""
    return {role: new_key() for role in SIGNING_ROLES}


def rotated(stored: StoredKeys) -> StoredKeys:
    """The next key signs, the current one only verifies, the previous one is forgotten."""
    return {
        PREVIOUS: _retired(stored[CURRENT]),
        CURRENT: stored[NEXT],
        NEXT: new_key(),
    }


def rotated_at(stored: StoredKeys) -> datetime:
    """Since when the current key signs: the next key was made in the same moment."""
    return stored[NEXT].created_at


def with_another_next(stored: StoredKeys) -> StoredKeys:
    """The next key, which nobody has used yet, is given up for a new one."""
    return {**stored, NEXT: new_key()}


def without_the_past(stored: StoredKeys) -> StoredKeys:
    """The next key signs, and whatever was signed before verifies no more."""
    return {CURRENT: stored[NEXT], NEXT: new_key()}


def resealed(stored: StoredKeys) -> StoredKeys:
    """The same keys, sealed with the present secret; equal to `stored` when all are. Raises ForeignSecret."""
    return {
        role: replace(key, sealed=sealing.resealed(key.sealed, _context(role, key)))
        for role, key in stored.items()
    }


def open_ring(stored: StoredKeys) -> KeyRing:
    """The ring of the stored keys, which must hold every role that signs. Raises ForeignSecret."""
    previous = stored.get(PREVIOUS)
    return KeyRing(
        RetiredKey(previous.kid, _unsealed(PREVIOUS, previous)) if previous else None,
        _open(CURRENT, stored[CURRENT]),
        _open(NEXT, stored[NEXT]),
    )


def _retired(current: StoredKey) -> StoredKey:
    public = _open(CURRENT, current).public
    return replace(current, sealed=sealing.seal(public, _context(PREVIOUS, current)))


def _open(role: str, stored: StoredKey) -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return SigningKey(stored.kid, Ed25519PrivateKey.from_private_bytes(_unsealed(role, stored)))


def _unsealed(role: str, stored: StoredKey) -> bytes:
    return sealing.unseal(stored.sealed, _context(role, stored))


def _context(role: str, stored: StoredKey) -> str:
    """A public half is sealed for another purpose, so that neither half passes for the other."""
    return f"{stored.kid}/public" if role == PREVIOUS else stored.kid

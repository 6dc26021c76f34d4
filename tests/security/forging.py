"""Forged access tokens: each like a good one, but for what the attack changes.

Invariant: without a change the token is good, so that a refusal is owed to the change alone.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

type Sign = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Forger:
    """The header and claims of a good token, and the key that signed it."""

    header: dict[str, Any]
    claims: dict[str, Any]
    private: Ed25519PrivateKey

    @classmethod
    def like(cls, token: str, private: Ed25519PrivateKey) -> "Forger":
        """A forger of tokens like this one."""
        claims = jwt.decode(token, options={"verify_signature": False})
        return cls(jwt.get_unverified_header(token), claims, private)

    def token(
        self,
        claims: dict[str, Any] | None = None,
        header: dict[str, Any] | None = None,
        sign: Sign | None = None,
    ) -> str:
        """A token with these changes; None removes. Written by hand: a library would refuse to."""
        parts = (_changed(self.header, header), _changed(self.claims, claims))
        signed = ".".join(_b64(json.dumps(part).encode()) for part in parts).encode()
        return f"{signed.decode()}.{_b64((sign or self.private.sign)(signed))}"


def hs256(key: bytes) -> Sign:
    """Signs as HS256 does, with any bytes for a key."""
    return lambda signed: hmac.digest(key, signed, hashlib.sha256)


def _changed(good: dict[str, Any], changes: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in {**good, **(changes or {})}.items() if value is not None}


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

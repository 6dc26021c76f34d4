"""A software authenticator: makes passkeys and signs with them, as a browser and its device do.

Invariant: it does what WebAuthn 3 says (6.1, 7.1, 7.2), so that what refuses it would refuse a real one; the
knobs (`origin`, `verifies_user`, `counter`, `key`) let a test be wrong in one thing at a time.
"""

import base64
import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256

_USER_PRESENT, _USER_VERIFIED, _BACKUP_ELIGIBLE, _BACKED_UP, _ATTESTED = 1, 4, 8, 16, 64


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One passkey on one device."""

    origin: str
    verifies_user: bool = True
    counter: int = 0
    """Counts up with each signature when it is above 0, as security keys do; synchronised ones stay at 0."""
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: str | None = None

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """Make the passkey (`navigator.credentials.create`)."""
        self.user_handle = options["user"]["id"]
        public = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32), -3: public.y.to_bytes(32)}
        attested = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id
        data = self._data(options["rp"]["id"], _ATTESTED) + attested + cbor2.dumps(cose)
        attestation = {"fmt": "none", "attStmt": {}, "authData": data}
        return self._credential(
            clientDataJSON=b64(self._client_data("webauthn.create", options["challenge"])),
            attestationObject=b64(cbor2.dumps(attestation)),
            transports=["internal", "hybrid"],
        )

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """Sign with it (`navigator.credentials.get`)."""
        self.counter += self.counter > 0
        client_data = self._client_data("webauthn.get", options["challenge"])
        data = self._data(options["rpId"])
        signed = data + hashlib.sha256(client_data).digest()
        return self._credential(
            clientDataJSON=b64(client_data),
            authenticatorData=b64(data),
            signature=b64(self.key.sign(signed, ECDSA(SHA256()))),
            userHandle=self.user_handle,
        )

    def _data(self, rp_id: str, flags: int = 0) -> bytes:
        flags |= _USER_PRESENT | (_USER_VERIFIED if self.verifies_user else 0)
        if not self.counter:
            flags |= _BACKUP_ELIGIBLE | _BACKED_UP
        return hashlib.sha256(rp_id.encode()).digest() + struct.pack(">BI", flags, self.counter)

    def _client_data(self, kind: str, challenge: str) -> bytes:
        found = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(found).encode()

    def _credential(self, **response: Any) -> dict[str, Any]:
        return {
            "id": b64(self.credential_id),
            "rawId": b64(self.credential_id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }

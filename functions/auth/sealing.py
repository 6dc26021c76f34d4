"""Secrets at rest: AES-256-GCM under a key derived from the setting AUTH_KEY_ENCRYPTION_KEY.

Invariant: what is sealed for one context opens in no other, so that sealed values cannot be swapped
between rows. Format: version (1 byte), nonce (12), ciphertext with tag.
"""

import secrets
from functools import cache
from typing import TYPE_CHECKING

from functions.auth.errors import ForeignSecret, SecretTooShort
from shared_code.settings import setting

if TYPE_CHECKING:  # imported on first use: a cold start pays for what it uses
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SETTING = "AUTH_KEY_ENCRYPTION_KEY"
_MIN_SECRET_LENGTH = 32
_VERSION = b"\x01"
_NONCE_LENGTH = 12
_HEADER_LENGTH = len(_VERSION) + _NONCE_LENGTH
_PURPOSE = b"atrium/auth/secrets-at-rest/v1"


def seal(plain: bytes, context: str) -> bytes:
    """Encrypt `plain` for `context`. Raises NotConfigured."""
    nonce = secrets.token_bytes(_NONCE_LENGTH)
    return _VERSION + nonce + _cipher(setting(SETTING)).encrypt(nonce, plain, context.encode())


def unseal(sealed: bytes, context: str) -> bytes:
    """What was sealed for `context`. Raises ForeignSecret when it was not, or not with our secret."""
    from cryptography.exceptions import InvalidTag

    version, nonce, ciphertext = sealed[:1], sealed[1:_HEADER_LENGTH], sealed[_HEADER_LENGTH:]
    if version != _VERSION or len(nonce) < _NONCE_LENGTH:
        raise ForeignSecret(SETTING)
    try:
        return _cipher(setting(SETTING)).decrypt(nonce, ciphertext, context.encode())
    except InvalidTag as error:
        raise ForeignSecret(SETTING) from error


@cache
def _cipher(secret: str) -> "AESGCM":
    """The cipher of a secret of any form: HKDF makes a key of the right length from it."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    if len(secret) < _MIN_SECRET_LENGTH:
        raise SecretTooShort(SETTING)
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE)
    return AESGCM(derived.derive(secret.encode()))

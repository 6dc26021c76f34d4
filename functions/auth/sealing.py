"""Secrets at rest: AES-256-GCM under a key derived from the setting AUTH_KEY_ENCRYPTION_KEY.

Invariant: what is sealed for one context opens in no other, so that sealed values cannot be swapped
between rows. Format: version (1 byte), nonce (12), ciphertext with tag.

The secret can be changed without a failed request (docs/keys.md): what the secret in the optional setting
AUTH_KEY_ENCRYPTION_KEY_PREVIOUS sealed opens as well, and everything new is sealed with the present one.
"""

import secrets
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from functions.auth.errors import ForeignSecret, SecretTooShort
from shared_code.settings import optional_setting, setting

if TYPE_CHECKING:  # imported on first use: a cold start pays for what it uses
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SETTING = "AUTH_KEY_ENCRYPTION_KEY"
PREVIOUS_SETTING = "AUTH_KEY_ENCRYPTION_KEY_PREVIOUS"
_MIN_SECRET_LENGTH = 32
_VERSION = b"\x01"
_NONCE_LENGTH = 12
_HEADER_LENGTH = len(_VERSION) + _NONCE_LENGTH
_PURPOSE = b"atrium/auth/secrets-at-rest/v1"


def seal(plain: bytes, context: str) -> bytes:
    """Encrypt `plain` for `context` with the present secret. Raises NotConfigured."""
    nonce = secrets.token_bytes(_NONCE_LENGTH)
    cipher = _cipher(SETTING, setting(SETTING))
    return _VERSION + nonce + cipher.encrypt(nonce, plain, context.encode())


def unseal(sealed: bytes, context: str) -> bytes:
    """What was sealed for `context`. Raises ForeignSecret when it was not, or not with a secret of ours."""
    plain, _ = _open(sealed, context)
    return plain


def resealed(sealed: bytes, context: str) -> bytes:
    """The same, sealed with the present secret; `sealed` itself when it is. Raises ForeignSecret."""
    plain, secret = _open(sealed, context)
    return sealed if secret == SETTING else seal(plain, context)


def _open(sealed: bytes, context: str) -> tuple[bytes, str]:
    """What was sealed, and the setting of the secret that opened it. Raises ForeignSecret."""
    from cryptography.exceptions import InvalidTag

    version, nonce, ciphertext = sealed[:1], sealed[1:_HEADER_LENGTH], sealed[_HEADER_LENGTH:]
    if version != _VERSION or len(nonce) < _NONCE_LENGTH:
        raise ForeignSecret(SETTING)
    for name, cipher in _ciphers():
        try:
            return cipher.decrypt(nonce, ciphertext, context.encode()), name
        except InvalidTag:
            continue
    raise ForeignSecret(SETTING)


def _ciphers() -> Iterator[tuple[str, "AESGCM"]]:
    yield SETTING, _cipher(SETTING, setting(SETTING))
    if before := optional_setting(PREVIOUS_SETTING):
        yield PREVIOUS_SETTING, _cipher(PREVIOUS_SETTING, before)


@cache
def _cipher(name: str, secret: str) -> "AESGCM":
    """The cipher of a secret of any form: HKDF makes a key of the right length from it."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    if len(secret) < _MIN_SECRET_LENGTH:
        raise SecretTooShort(name)
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE)
    return AESGCM(derived.derive(secret.encode()))

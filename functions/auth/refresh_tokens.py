"""Refresh tokens: their form, and how one is checked against its session's row.

    base64url(version ‖ user id ‖ session id ‖ counter ‖ HMAC-SHA256 under the session's key, first 128 bits)

The counter tells the newest token of a session from its predecessors, so one row per session is enough
and no token is stored. Invariant: one token has one spelling, and `decode` alone proves nothing:
only `is_authentic`, with the key from the row, does.
"""

import base64
import hmac
import re
import struct
from dataclasses import dataclass

from shared_code.ids import id_pattern

_LAYOUT = struct.Struct(">B30s30sI16s")
# 81 bytes are 108 characters with no padding and no unused bits, so no second spelling decodes.
_SPELLING = re.compile(r"[A-Za-z0-9_-]{108}")
_VERSION = 1
_MAC_LENGTH = 16
_USER = re.compile(id_pattern("usr").encode())
_SESSION = re.compile(id_pattern("ses").encode())


class MalformedToken(ValueError):
    """Not a refresh token that we could have issued."""


@dataclass(frozen=True)
class RefreshToken:
    """What a refresh token claims."""

    user_id: str
    session_id: str
    counter: int
    mac: bytes

    def is_authentic(self, key: bytes) -> bool:
        """Whether the session with this key issued the token."""
        expected = _mac(key, self.user_id, self.session_id, self.counter)
        return hmac.compare_digest(self.mac, expected)


def encode(user_id: str, session_id: str, counter: int, key: bytes) -> str:
    """The refresh token with this number, of the session with this key."""
    mac = _mac(key, user_id, session_id, counter)
    return base64.urlsafe_b64encode(_packed(user_id, session_id, counter, mac)).decode()


def decode(token: str) -> RefreshToken:
    """What the token claims, unproven. Raises MalformedToken."""
    if not _SPELLING.fullmatch(token):
        raise MalformedToken
    version, user, session, counter, mac = _LAYOUT.unpack(base64.urlsafe_b64decode(token))
    if version != _VERSION or not (_USER.match(user) and _SESSION.match(session)):
        raise MalformedToken
    return RefreshToken(user.decode(), session.decode(), counter, mac)


def _mac(key: bytes, user_id: str, session_id: str, counter: int) -> bytes:
    signed = _packed(user_id, session_id, counter, b"")
    return hmac.digest(key, signed, "sha256")[:_MAC_LENGTH]


def _packed(user_id: str, session_id: str, counter: int, mac: bytes) -> bytes:
    return _LAYOUT.pack(_VERSION, user_id.encode(), session_id.encode(), counter, mac)

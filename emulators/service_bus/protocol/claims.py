"""Claims: what a connection may do, by the tokens that it has shown.

Invariants: a token is judged by its content, never by the type that the client says; a grant holds for
its path and what lies under it, by whole segments (`q1` opens no `q10`), until it expires.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from emulators.service_bus.errors import UNAUTHORIZED, BrokerError
from emulators.service_bus.protocol.addresses import management_of, path_of, segments

SEND, LISTEN, MANAGE = "Send", "Listen", "Manage"
ALL_CLAIMS = frozenset({SEND, LISTEN, MANAGE})
_PREFIX = "SharedAccessSignature "
_MAX_TOKEN = 4_096


@dataclass(frozen=True)
class Key:
    """A shared access key: its claims, on a path and all under it."""

    name: str
    secret: str
    claims: frozenset[str] = ALL_CLAIMS
    path: str = ""


@dataclass(frozen=True)
class _Grant:
    path: tuple[str, ...]
    claims: frozenset[str]
    expires: float


class Access:
    """What one connection may do."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = {key.name: key for key in keys}
        self._grants: dict[tuple[str, ...], _Grant] = {}

    def put_token(self, token: str, audience: str) -> None:
        """Take a token for an audience, an entity's address. Raises BrokerError when it is not valid."""
        if not token.startswith(_PREFIX) or len(token) > _MAX_TOKEN:
            raise _refused("only shared access signatures are taken")
        fields = _fields(token)
        key = self._keys.get(fields["skn"])
        if key is None or not hmac.compare_digest(_signature(key, fields), fields["sig"]):
            raise _refused("InvalidSignature: The token has an invalid signature.")
        expires = float(fields["se"]) if fields["se"].isdigit() else 0.0
        if expires <= time.time():
            raise _refused("ExpiredToken: The token is expired.")
        path = _resource(audience)
        for outer in (_resource(unquote(fields["sr"])), segments(key.path)):
            if path[: len(outer)] != outer:
                raise _refused("the token is for another resource")
        self._grants[path] = _Grant(path, key.claims, expires)

    def check(self, path: str, claim: str) -> None:
        """Raise BrokerError unless a grant gives this claim on the path."""
        wanted, now = segments(path), time.time()
        for grant in self._grants.values():
            covers = wanted[: len(grant.path)] == grant.path
            if covers and claim in grant.claims and grant.expires > now:
                return
        raise _refused(f"Unauthorized access. '{claim}' claim(s) are required on {path!r}.")

    def may(self, path: str, claim: str) -> bool:
        """Whether `check` would pass."""
        try:
            self.check(path, claim)
        except BrokerError:
            return False
        return True


def _refused(why: str) -> BrokerError:
    return BrokerError(UNAUTHORIZED, why)


def _resource(address: str) -> tuple[str, ...]:
    """The entity that a token is for. The JavaScript SDK asks for the entity's management node."""
    path = path_of(address)
    return segments(management_of(path) or path)


def _fields(token: str) -> dict[str, str]:
    """The fields of a signature; `sr` stays as it was signed."""
    found = dict(parse_qsl(token[len(_PREFIX) :], keep_blank_values=True))
    raw = dict(part.partition("=")[::2] for part in token[len(_PREFIX) :].split("&"))
    if not {"sr", "sig", "se", "skn"} <= set(found):
        raise _refused("a shared access signature has sr, sig, se and skn")
    return {**found, "sr": raw["sr"]}


def _signature(key: Key, fields: dict[str, str]) -> str:
    signed = f"{fields['sr']}\n{fields['se']}".encode()
    digest = hmac.new(key.secret.encode(), signed, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()

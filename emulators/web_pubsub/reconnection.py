"""The token that lets a client take up its reliable connection again.

Invariant: the key lives and dies with the process, as the connections do, so that a token can name
neither another connection nor one of an earlier run.
"""

import secrets

from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.tokens import InvalidTokenError, read_token, write_token

LIFETIME_SECONDS = 7 * 24 * 3600
_AUDIENCE = "reconnection"


class ReconnectionTokens:
    """Issues and checks reconnection tokens."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def issue(self, hub: str, connection_id: str) -> str:
        """Return a token for this connection alone."""
        claims = {"aud": _AUDIENCE, "hub": hub, "connectionId": connection_id}
        return write_token(claims, self._key, lifetime_seconds=LIFETIME_SECONDS)

    def verify(self, token: str, hub: str, connection_id: str) -> bool:
        """Return whether the token was issued for this connection."""
        try:
            claims = read_token(token, [self._key], self._clock)
        except InvalidTokenError:
            return False
        return (claims["hub"], claims["connectionId"]) == (hub, connection_id)

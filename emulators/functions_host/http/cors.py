"""CORS as `local.settings.json` asks for it (`Host.CORS`, `Host.CORSCredentials`).

In Azure this is a setting of the platform, in front of the app, so functions never see a preflight.
Invariant: an origin that is not allowed gets no header at all, and the browser refuses by itself.
"""

from collections.abc import Mapping

from emulators.functions_host.http.response import RawHeaders, Response
from emulators.functions_host.settings import Cors

_ANY = "*"
_VARY = (b"vary", b"Origin")


class CorsPolicy:
    """Which origins may call; with `*` any may, but then without credentials."""

    def __init__(self, cors: Cors) -> None:
        self._any = _ANY in cors.origins
        self._origins = cors.origins
        self._credentials = cors.credentials and not self._any

    def preflight(self, method: str, headers: Mapping[str, str]) -> Response | None:
        """Answer a browser's question before a call; None when the request is no such question."""
        wanted = headers.get("access-control-request-method")
        if method != "OPTIONS" or wanted is None:
            return None
        if allowed := self.headers(headers["origin"]):
            allowed.append((b"access-control-allow-methods", wanted.encode("latin-1")))
            if asked := headers.get("access-control-request-headers"):
                allowed.append((b"access-control-allow-headers", asked.encode("latin-1")))
        return Response(204, headers=allowed)

    def headers(self, origin: str) -> RawHeaders:
        """Return the headers that let a page of this origin read an answer."""
        if self._any:
            return [(b"access-control-allow-origin", b"*")]
        if origin.lower() not in self._origins:
            return []
        allowed = [(b"access-control-allow-origin", origin.encode("latin-1")), _VARY]
        if self._credentials:
            allowed.append((b"access-control-allow-credentials", b"true"))
        return allowed


def policy(cors: Cors) -> CorsPolicy | None:
    """Return the policy, or None when the settings ask for none."""
    return CorsPolicy(cors) if cors.origins else None

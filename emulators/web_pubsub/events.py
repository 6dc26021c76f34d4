"""What the upstream handler is told about one connection: the CloudEvents attributes and headers.

Invariant: an event's id and headers are made once, so that a retry repeats them exactly.
"""

import hashlib
import hmac
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import CookieJar
from aiohttp.client_reqrep import ClientResponse
from yarl import URL

from emulators.web_pubsub.clock import Clock

SYSTEM_PREFIX = "azure.webpubsub.sys."
USER_PREFIX = "azure.webpubsub.user."
STATE_HEADER = "ce-connectionState"


def sign(connection_id: str, *access_keys: bytes) -> str:
    """Return the signature by which a handler knows the service: one for each key."""
    message = connection_id.encode()
    digests = [hmac.new(key, message, hashlib.sha256).hexdigest() for key in access_keys]
    return ",".join(f"sha256={digest}" for digest in digests)


@dataclass(slots=True)
class EventContext:
    """The identity, counter, state and cookies that one connection's events share."""

    hub: str
    connection_id: str
    user_id: str | None
    subprotocol: str | None
    signature: str
    origin: str
    clock: Clock = field(default_factory=Clock, repr=False)
    state: str | None = None
    _events: int = 0
    _cookies: CookieJar | None = field(default=None, repr=False)

    def headers(self, kind: str, name: str) -> dict[str, str]:
        """Return the headers of this connection's next event."""
        headers = {
            "ce-specversion": "1.0",
            "ce-awpsversion": "1.0",
            "ce-type": kind + name,
            "ce-source": f"/hubs/{self.hub}/client/{self.connection_id}",
            "ce-id": str(self._events),
            "ce-time": datetime.fromtimestamp(self.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ce-connectionId": self.connection_id,
            "ce-hub": self.hub,
            "ce-eventName": name,
            "ce-signature": self.signature,
            "WebHook-Request-Origin": self.origin,
            "x-ms-client-request-id": str(uuid.uuid4()),
        }
        self._events += 1
        headers.update(self._optional_headers())
        return headers

    def cookies_for(self, url: URL) -> str | None:
        """Return the Cookie header that this connection's handler has asked for."""
        if self._cookies is None:
            return None
        cookies = self._cookies.filter_cookies(url)
        return "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items()) or None

    def keep_cookies(self, response: ClientResponse) -> None:
        """Remember what the handler sets, for this connection alone."""
        if response.cookies:
            # unsafe: handlers live on localhost and IP addresses, whose cookies a jar refuses
            self._cookies = self._cookies or CookieJar(unsafe=True)
            self._cookies.update_cookies(response.cookies, response.url)

    def _optional_headers(self) -> dict[str, str]:
        optional = {
            "ce-userId": self.user_id,
            "ce-subprotocol": self.subprotocol,
            STATE_HEADER: self.state,
        }
        return {name: value for name, value in optional.items() if value}

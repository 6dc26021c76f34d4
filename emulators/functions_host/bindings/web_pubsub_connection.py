"""The `webPubSubConnection` input: what a client needs to connect.

Invariant: with a connection string nothing is asked of the service; the token is made here.
"""

import json

from emulators.functions_host.clients.web_pubsub import WebPubSubClient
from emulators.functions_host.model import Binding, TriggerInput, Typed
from emulators.functions_host.services import Services


class WebPubSubConnectionInput:
    """Gives `baseUrl`, `url` and `accessToken` for one user of one hub."""

    def __init__(self, binding: Binding, services: Services) -> None:
        self._session = services.session
        self._access = services.web_pubsub(binding.text("connection"))
        self._hub = services.template(binding, "hub")
        self._user = services.optional(binding, "userId")

    async def read(self, trigger: TriggerInput) -> Typed:
        """Return the three as JSON."""
        client = WebPubSubClient(self._session, self._access, self._hub.fill(trigger))
        user = self._user.fill(trigger) if self._user is not None else None
        token = await client.client_token(user or None)
        base = client.client_endpoint
        connection = {
            "baseUrl": base,
            "url": f"{base}?access_token={token}",
            "accessToken": token,
        }
        return ("json", json.dumps(connection, separators=(",", ":")))

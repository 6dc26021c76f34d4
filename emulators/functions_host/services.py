"""What every trigger and binding may use, made once at start and handed to each.

Invariant: bindings reach the outside through this only, so that each can be built and tested alone.
"""

from dataclasses import dataclass, field

import aiohttp

from emulators.functions_host.clients import account, connection, web_pubsub
from emulators.functions_host.clients.queues import QueueClient, Wakers
from emulators.functions_host.clients.service_bus import DEFAULT_CONNECTION, Namespace, Namespaces
from emulators.functions_host.clients.storage import StorageClient
from emulators.functions_host.console import Console
from emulators.functions_host.expressions import Template
from emulators.functions_host.host_json import HostJson
from emulators.functions_host.http.request import BODY_LIMIT
from emulators.functions_host.http.routes import RouteTable
from emulators.functions_host.http.webhooks import Webhook
from emulators.functions_host.model import Binding
from emulators.functions_host.settings import Settings
from emulators.functions_host.strict import Strict, Trap


@dataclass(slots=True)
class Services:
    """The host's parts, as bindings and triggers see them."""

    settings: Settings
    host_json: HostJson
    console: Console
    session: aiohttp.ClientSession
    routes: RouteTable
    address: str
    host_id: str
    azure_timing: bool = False
    body_limit: int = BODY_LIMIT
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    wakers: Wakers = field(default_factory=Wakers)
    namespaces: Namespaces = field(default_factory=Namespaces)
    strict: Strict | None = None

    def note(self, trap: Trap, function: str, detail: str) -> None:
        """In strict mode, tell of something that Azure does otherwise."""
        if self.strict is not None:
            self.strict.note(trap, function, detail)

    def template(self, binding: Binding, key: str) -> Template:
        """Return a setting of a binding, `%NAME%` replaced, whose expressions can be filled in.

        Raises:
            BindingError: if the binding lacks it, or it is malformed.
        """
        return Template(self.settings.resolved(binding, key))

    def optional(self, binding: Binding, key: str) -> Template | None:
        """Return such a template, or None when the binding lacks the setting."""
        return None if binding.text(key) is None else self.template(binding, key)

    def queue(self, binding: Binding) -> QueueClient:
        """Return the queue that a binding names; the host writes queue names in small letters."""
        name = self.settings.resolved(binding, "queueName").lower()
        return QueueClient(self.storage(binding.text("connection"), "queue"), name)

    def storage(self, name: str | None, service: str) -> StorageClient:
        """Return a client of one service of the account behind a connection name."""
        found = connection.find(self.settings, name, "Storage")
        return StorageClient(self.session, account.of(found, service))

    def service_bus(self, name: str | None) -> Namespace:
        """Return the Service Bus namespace behind a connection name."""
        return self.namespaces.of(connection.find(self.settings, name, DEFAULT_CONNECTION))

    def web_pubsub(self, name: str | None) -> web_pubsub.Access:
        """Return the Web PubSub resource behind a connection name."""
        found = connection.find(self.settings, name, web_pubsub.DEFAULT_CONNECTION)
        return web_pubsub.of(found)

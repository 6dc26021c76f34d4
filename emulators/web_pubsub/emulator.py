"""The service itself: its hubs, its keys, and the birth and the end of connections.

Invariant: a connection is in its hub from activation to removal, ``connected`` is told once when it
enters and ``disconnected`` once when it leaves.
"""

from collections.abc import Iterable

from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.codec import Codec
from emulators.web_pubsub.connection import Connection
from emulators.web_pubsub.events import EventContext, sign
from emulators.web_pubsub.faults import EVERY_HUB, Faults, Target
from emulators.web_pubsub.hub import Hub
from emulators.web_pubsub.inbox import Inbox
from emulators.web_pubsub.operations import Operations
from emulators.web_pubsub.permissions import Permissions
from emulators.web_pubsub.reconnection import ReconnectionTokens
from emulators.web_pubsub.settings import Settings
from emulators.web_pubsub.settings_watch import SettingsWatcher
from emulators.web_pubsub.trace import Trace
from emulators.web_pubsub.upstream import Upstream
from emulators.web_pubsub.wiretap import Wiretap

GOING_AWAY = 1001


class Emulator:
    """One Web PubSub resource."""

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        self.clock = Clock()
        self.settings = settings
        self.keys = settings.key_bytes
        self.authorities = {f"{name}:{port}" for name in (host, "localhost", "127.0.0.1")}
        self.endpoint = f"http://{host}:{port}"
        self.origin = host
        self.upstream = Upstream(settings, host, self.clock)
        self.reconnection_tokens = ReconnectionTokens(self.clock)
        self._hubs: dict[str, Hub] = {}
        self.settings_watcher: SettingsWatcher | None = None
        self.faults = Faults(self.clock)
        self.trace = Trace(self.clock)
        self.wiretap = Wiretap(self.faults, self.trace, self.clock, self._everyone)

    @property
    def connection_string(self) -> str:
        """What an SDK needs to reach this emulator."""
        return f"Endpoint={self.endpoint};AccessKey={self.settings.access_key};Version=1.0;"

    def hub(self, name: str) -> Hub:
        """Return the hub of that name, in any case; a hub exists as soon as it is named."""
        canonical = name.lower()
        return self._hubs.get(canonical) or Hub(canonical)

    def hubs(self) -> list[Hub]:
        """Return the hubs that have connections."""
        return list(self._hubs.values())

    def connections_of(self, target: Target) -> list[Connection]:
        """Return the connections that are meant."""
        hubs = self.hubs() if target.hub == EVERY_HUB else [self.hub(target.hub)]
        return [each for hub in hubs for each in hub.everyone() if target.is_for(each)]

    def event_context(
        self, hub: str, connection_id: str, user_id: str | None, subprotocol: str | None
    ) -> EventContext:
        """Return what the events of a connection will carry."""
        signature = sign(connection_id, *self.keys)
        return EventContext(
            hub, connection_id, user_id, subprotocol, signature, self.origin, self.clock
        )

    def activate(
        self,
        context: EventContext,
        codec: Codec,
        permissions: Permissions,
        groups: Iterable[str],
    ) -> Connection:
        """Let a connection begin: visible to REST and groups, known to the handler."""
        hub = self._hubs.setdefault(context.hub, Hub(context.hub))
        connection = Connection(
            context, codec, permissions, on_removed=self._removed, clock=self.clock
        )
        operations = Operations(connection, hub, self.upstream)
        connection.inbox = Inbox(operations.handle)
        hub.add(connection, groups)
        self.upstream.notify(context, "connected", {})
        return connection

    def use(self, settings: Settings) -> None:
        """Work by other settings from the next event, request and client on."""
        self.settings = self.upstream.settings = settings
        if settings.key_bytes != self.keys:
            self.keys = settings.key_bytes
            for connection in self._everyone():
                connection.events.signature = sign(connection.id, *self.keys)

    def close_connections(self) -> None:
        """Close every socket as a service that goes away; handlers are not told of it."""
        self.upstream.silence()
        for connection in self._everyone():
            connection.close(GOING_AWAY, "The service is shutting down.")

    def _everyone(self) -> list[Connection]:
        return [each for hub in self.hubs() for each in hub.everyone()]

    def _removed(self, connection: Connection, reason: str) -> None:
        hub = self._hubs[connection.events.hub]
        hub.discard(connection)
        if not hub.connections:
            del self._hubs[hub.name]
        self.upstream.notify(connection.events, "disconnected", {"reason": reason})

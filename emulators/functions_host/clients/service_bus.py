"""Service Bus by the official SDK: namespaces, receivers, and senders that are made once and kept.

The SDK is imported when the first receiver or sender is made, so that an app without Service Bus
does not pay for it. Invariant: an SDK object is used by one task at a time, because two that read
from one connection make each other wait.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from emulators.functions_host.clients.connection import Connection
from emulators.functions_host.clients.identity import TokenSource
from emulators.functions_host.model import BindingError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.servicebus import ServiceBusMessage
    from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver, ServiceBusSender

DEFAULT_CONNECTION = "ServiceBus"
_SCOPE = "https://servicebus.azure.net/.default"
_TOKEN_SECONDS = 240
_CLOSE_SECONDS = 3.0
# The SDK's own tries of a send, in .NET's numbers; a listener has its own way of trying again.
_SEND_RETRIES = 3


@dataclass(frozen=True, slots=True)
class Entity:
    """A queue, or a topic with the subscription to receive from."""

    queue: str = ""
    topic: str = ""
    subscription: str = ""

    @property
    def path(self) -> str:
        """How people name it."""
        return self.queue or f"{self.topic}/{self.subscription}"


class Namespace:
    """One namespace, as a connection describes it.

    Raises:
        BindingError: when made from a connection that lacks its address or its credential.
    """

    def __init__(self, connection: Connection) -> None:
        self._text = connection.text
        self._host = connection.get("fullyQualifiedNamespace")
        self._credential: _Credential | None = None
        if self._text:
            _require(self._text, connection.name)
        elif self._host:
            self._credential = _Credential(TokenSource(connection.identity(), _SCOPE))
        else:
            raise BindingError(
                f"the identity-based connection {connection.name!r} needs "
                f"{connection.name}__fullyQualifiedNamespace"
            )
        self._clients: dict[int, ServiceBusClient] = {}
        self._senders: dict[str, Sender] = {}
        self._background: set[asyncio.Task[Any]] = set()

    def receiver(
        self, entity: Entity, *, session_wait: float | None, prefetch: int, poll: float
    ) -> "ServiceBusReceiver":
        """Return a receiver that is not open yet.

        `session_wait` in seconds makes it one of the next session that has a message and nobody
        holds, waiting so long for one. Every `poll` seconds the SDK looks up from its socket.
        """
        from azure.servicebus import NEXT_AVAILABLE_SESSION

        more: dict[str, Any] = {"prefetch_count": prefetch, "socket_timeout": poll}
        if session_wait is not None:
            more |= {"session_id": NEXT_AVAILABLE_SESSION, "max_wait_time": session_wait}
        client = self._client(retries=0)
        if entity.queue:
            return client.get_queue_receiver(entity.queue, **more)
        return client.get_subscription_receiver(entity.topic, entity.subscription, **more)

    def sender(self, entity: Entity) -> "Sender":
        """Return the sender of a queue or topic; the same one each time."""
        name = entity.queue or entity.topic
        if name not in self._senders:
            client = self._client(_SEND_RETRIES)
            made = client.get_queue_sender(name) if entity.queue else client.get_topic_sender(name)
            self._senders[name] = Sender(made)
        return self._senders[name]

    def finish(self, work: Coroutine[Any, Any, None] | asyncio.Task[Any]) -> None:
        """Let something end in the background: closing takes the SDK up to a second."""
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def close(self) -> None:
        """Close what is open, within a few seconds."""
        for sender in self._senders.values():
            self.finish(sender.close())
        if self._background:
            _, late = await asyncio.wait(self._background, timeout=_CLOSE_SECONDS)
            for task in late:
                task.cancel()

    def _client(self, retries: int) -> "ServiceBusClient":
        if retries not in self._clients:
            self._clients[retries] = self._made(retries)
        return self._clients[retries]

    def _made(self, retries: int) -> "ServiceBusClient":
        from azure.servicebus.aio import ServiceBusClient

        # What goes wrong is told by the host, once; the SDK would tell it each time.
        logging.getLogger("azure.servicebus").setLevel(logging.CRITICAL)
        if self._credential is None:
            return ServiceBusClient.from_connection_string(self._text, retry_total=retries)
        return ServiceBusClient(self._host, self._credential, retry_total=retries)


class Sender:
    """Sends to one queue or topic, one message after another."""

    def __init__(self, sender: "ServiceBusSender") -> None:
        self._sender = sender
        self._turn = asyncio.Lock()

    async def send(self, message: "ServiceBusMessage") -> None:
        """Send one message.

        Raises:
            ServiceBusError and others: as the SDK does.
        """
        async with self._turn:
            await self._sender.send_messages(message)

    async def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(Exception):
            await self._sender.close()


class Namespaces:
    """The namespaces that one version of an app uses, each made once."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Namespace] = {}

    def of(self, connection: Connection) -> Namespace:
        """Return the namespace behind a connection.

        Raises:
            BindingError: if the connection lacks its address or its credential.
        """
        key = connection.name, connection.text
        if key not in self._made:
            self._made[key] = Namespace(connection)
        return self._made[key]

    async def close(self) -> None:
        """Close what any of them has open."""
        await asyncio.gather(*(namespace.close() for namespace in self._made.values()))


class _Credential:
    """Tokens of the host's identity, as the SDK asks for them."""

    def __init__(self, tokens: TokenSource) -> None:
        self._tokens = tokens

    async def get_token(self, *scopes: str, **options: Any) -> "AccessToken":
        """Return a token; it is good for longer than it says, which makes the SDK ask in time."""
        from azure.core.credentials import AccessToken

        del scopes, options
        return AccessToken(await self._tokens.token(), int(time.time()) + _TOKEN_SECONDS)

    async def close(self) -> None:
        """Nothing is held open."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is held open."""


def _require(text: str, name: str) -> None:
    parts = {item.partition("=")[0].strip().lower() for item in text.split(";")}
    has_key = {"sharedaccesskeyname", "sharedaccesskey"} <= parts
    if "endpoint" not in parts or not (has_key or "sharedaccesssignature" in parts):
        raise BindingError(
            f"the Service Bus connection string {name!r} needs Endpoint, SharedAccessKeyName and "
            "SharedAccessKey"
        )

"""The webhook of the Web PubSub extension: validation, lookup, signature, then the function.

Invariant: the order of the checks is that of the real dispatcher, so that each mistake gives the
status that it gives in Azure.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hmac import compare_digest

from emulators.functions_host.clients.web_pubsub import Access, signature
from emulators.functions_host.http.request import Request
from emulators.functions_host.http.response import Response
from emulators.functions_host.model import BindingError
from emulators.functions_host.triggers.web_pubsub import event as events
from emulators.functions_host.triggers.web_pubsub.event import BadEventError, Event

type Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom an event is heard from; with no resource there is no check."""

    accesses: tuple[Access, ...]

    def signed(self, event: Event) -> bool:
        """Whether the event is signed with a key of one of the resources."""
        if not self.accesses or any(access.tokens is not None for access in self.accesses):
            # Without a key there is nothing to check with.
            return True
        given = [item.strip() for item in event.signature.split(",")]
        return any(
            compare_digest(signature(access.key, event.connection_id).encode(), item.encode())
            for access in self.accesses
            for item in given
        )

    def expects(self, origins: list[str]) -> bool:
        """Whether one of the origins is the host of one of the resources."""
        hosts = {access.host.lower() for access in self.accesses}
        return not hosts or any(origin.lower() in hosts for origin in origins)


@dataclass(frozen=True, slots=True)
class Listener:
    """A function's claim on an event, and whom it hears it from."""

    key: Key
    trust: Trust
    run: Callable[[Event], Awaitable[Response]]


class WebPubSubWebhook:
    """All listeners of the app behind one address."""

    def __init__(self) -> None:
        self._listeners: dict[Key, Listener] = {}

    def add(self, listener: Listener) -> None:
        """Add a function's claim.

        Raises:
            BindingError: if another function has it.
        """
        if listener.key in self._listeners:
            raise BindingError(f"another function handles the event {'.'.join(listener.key)}")
        self._listeners[listener.key] = listener

    async def handle(self, request: Request, body: bytes) -> Response:
        """Answer a call of the service."""
        if request.method in {"OPTIONS", "GET"}:
            return self._validate(request)
        try:
            event = events.parse(request.headers)
            listener = self._listeners.get(event.key)
            if listener is None or not listener.trust.signed(event):
                return Response(404 if listener is None else 401)
            if request.method != "POST":
                return Response(400)
            events.read_body(event, request.headers.get("content-type", ""), body)
        except BadEventError as error:
            return Response(400, str(error).encode())
        return await listener.run(event)

    def _validate(self, request: Request) -> Response:
        """The service asks, before its first event, whether it may call here."""
        given = request.headers.get("webhook-request-origin", "")
        origins = [item.strip() for item in given.split(",") if item.strip()]
        if origins and any(item.trust.expects(origins) for item in self._listeners.values()):
            return Response(200, headers=[(b"webhook-allowed-origin", b"*")])
        return Response(400)

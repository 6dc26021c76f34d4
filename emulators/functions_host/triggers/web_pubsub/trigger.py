"""The Web PubSub trigger itself: from a binding to a listener of the webhook.

Invariant: the function runs before the service is answered, also where the service does not wait
for what it returns.
"""

import json

from emulators.functions_host import fidelity
from emulators.functions_host.bindings.web_pubsub_context import accesses
from emulators.functions_host.http.response import Response
from emulators.functions_host.model import BindingError, Metadata, TriggerInput
from emulators.functions_host.services import Services
from emulators.functions_host.triggers.base import Wiring, required, typed_text
from emulators.functions_host.triggers.web_pubsub import reply
from emulators.functions_host.triggers.web_pubsub.event import Event
from emulators.functions_host.triggers.web_pubsub.webhook import Listener, Trust, WebPubSubWebhook

EXTENSION = "webpubsub"
_TYPES = {"user", "system"}


class WebPubSubTrigger:
    """One event handler."""

    def __init__(self, wiring: Wiring, services: Services) -> None:
        binding = wiring.binding
        self._wiring = wiring
        self._console = services.console
        event_type = required(binding, "eventType").lower()
        if event_type not in _TYPES:
            raise BindingError(f"eventType is user or system, not {event_type!r}")
        hub = services.settings.resolve(required(binding, "hub"))
        name = services.settings.resolve(required(binding, "eventName"))
        self._describe = f"webPubSubTrigger {hub} {event_type} {name}"
        trust = Trust(tuple(accesses(binding, services)))
        key = (hub.lower(), event_type, name.lower())
        _webhook(services).add(Listener(key, trust, self._run))

    def describe(self) -> str:
        """Say hub and event."""
        return self._describe

    async def start(self) -> None:
        """Nothing: the webhook knows the listener since it was made."""

    async def stop(self) -> None:
        """Nothing: the web server stops."""

    async def manual(self, text: str) -> TriggerInput | None:
        """Return a run with the text in place of the chosen part of an event."""
        return TriggerInput(typed_text(self._wiring.binding, text))

    async def _run(self, event: Event) -> Response:
        binding = self._wiring.binding
        binary = (binding.text("dataType") or "").lower() == "binary"
        outcome = await self._wiring.run(_value(event, binding.name, binary=binary))
        if not event.wants_reply:
            # The service does not wait; a failure is on the console only.
            return Response(200)
        if not outcome.ok:
            return Response(500, outcome.error.encode())
        return reply.build(event, outcome.return_value, self._console)


def _value(event: Event, name: str, *, binary: bool) -> TriggerInput:
    value = event.argument(name, binary=binary)
    metadata: Metadata = {"connectionContext": ("json", json.dumps(event.context()))}
    if value[0] == "string":
        metadata = fidelity.merge_json_body(metadata, value[1])
    return TriggerInput(value, metadata)


def _webhook(services: Services) -> WebPubSubWebhook:
    webhook = services.webhooks.setdefault(EXTENSION, WebPubSubWebhook())
    if not isinstance(webhook, WebPubSubWebhook):
        raise TypeError(f"another webhook answers for {EXTENSION}")
    return webhook

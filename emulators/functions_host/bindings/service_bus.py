"""The Service Bus output: text and bytes, to a queue or a topic.

Invariant: what arrives is what the real host would have sent: arrays split, objects indented, and
nothing but the body. Session id, message id, properties and schedules need the SDK.
"""

from emulators.functions_host import fidelity
from emulators.functions_host.clients.service_bus import Entity
from emulators.functions_host.expressions import Template
from emulators.functions_host.model import (
    Binding,
    BindingError,
    OutputError,
    TriggerInput,
    Typed,
)
from emulators.functions_host.services import Services


class ServiceBusOutput:
    """Sends messages to one queue or topic."""

    def __init__(self, binding: Binding, services: Services) -> None:
        self._namespace = services.service_bus(binding.text("connection"))
        self._to_queue = binding.text("queueName") is not None
        self._name = _name(binding, services)

    async def write(self, value: Typed, trigger: TriggerInput) -> None:
        """Send each message of the value, one after another."""
        from azure.servicebus import ServiceBusMessage

        name = self._name.fill(trigger)
        entity = Entity(queue=name) if self._to_queue else Entity(topic=name)
        sender = self._namespace.sender(entity)
        for item in fidelity.split_output(value):
            body = fidelity.message_body(item, value[0])
            try:
                await sender.send(ServiceBusMessage(body))
            except Exception as error:
                raise OutputError(f"{name!r}: {error}") from error


def _name(binding: Binding, services: Services) -> Template:
    for key in ("queueName", "topicName"):
        if binding.text(key) is not None:
            return services.template(binding, key)
    raise BindingError(
        f"the {binding.type} binding {binding.name!r} needs 'queueName' or 'topicName'"
    )

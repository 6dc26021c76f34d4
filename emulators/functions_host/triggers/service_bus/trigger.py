"""The Service Bus trigger: reads the binding, chooses how to listen, runs the function.

Invariant: a message whose body cannot be read is never given to its function; it fails, and after
the entity's most deliveries it is dead-lettered.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from emulators.functions_host import fidelity
from emulators.functions_host.clients.service_bus import Entity
from emulators.functions_host.model import Binding, BindingError, TriggerInput
from emulators.functions_host.services import Services
from emulators.functions_host.strict import Trap
from emulators.functions_host.triggers.base import Wiring, typed_text
from emulators.functions_host.triggers.service_bus import metadata, value
from emulators.functions_host.triggers.service_bus.batch import BatchListener
from emulators.functions_host.triggers.service_bus.handler import Handler
from emulators.functions_host.triggers.service_bus.pump import QueueListener
from emulators.functions_host.triggers.service_bus.sessions import SessionListener
from emulators.functions_host.triggers.service_bus.source import Place, Source

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusReceivedMessage

# How often the SDK looks up from its socket while it waits. It reads with one task at a time, so
# this is also how long a keep-alive of its own can hold up a message.
_POLL_SECONDS = 0.1
# The SDK notices only then that no more messages follow the first of a batch.
_BATCH_POLL_SECONDS = 0.02
# Above this a held session is worth a remark when there are no others left.
_SHORT_IDLE_SECONDS = 5.0


class _Listener(Protocol):
    def start(self) -> None: ...

    async def stop(self) -> None: ...


class ServiceBusTrigger:
    """Listens to one queue or subscription for one function."""

    def __init__(self, wiring: Wiring, services: Services) -> None:
        binding = wiring.binding
        self._wiring = wiring
        self._services = services
        self._many = (binding.text("cardinality") or "").lower() == "many"
        self._place = Place(
            wiring.function.name,
            services.service_bus(binding.text("connection")),
            entity_of(binding, services),
            _flag(binding, "isSessionsEnabled") is True,
        )
        self._options = services.host_json.service_bus.for_trigger(
            _flag(binding, "autoCompleteMessages")
        )
        self._listener = self._listening()

    def describe(self) -> str:
        """Say the queue or subscription."""
        kinds = [
            kind for kind in (self._place.sessions and "sessions", self._many and "many") if kind
        ]
        more = f" ({', '.join(kinds)})" if kinds else ""
        return f"serviceBusTrigger {self._place.entity.path}{more}"

    async def start(self) -> None:
        """Begin to listen."""
        self._listener.start()

    async def stop(self) -> None:
        """Take no further message, and wait for the calls that run."""
        await self._listener.stop()

    async def manual(self, text: str) -> TriggerInput | None:
        """Return a run with the text as a message's body, and no metadata of a real message."""
        binding = self._wiring.binding
        if self._many:
            kind = "collection_string" if binding.text("dataType") else "json"
            content = [text] if binding.text("dataType") else f"[{text}]"
            return TriggerInput((kind, content), {"UserPropertiesArray": ("json", "[{}]")})
        given = fidelity.merge_json_body({"UserProperties": ("json", "{}")}, text)
        return TriggerInput(typed_text(binding, text), given)

    def _listening(self) -> _Listener:
        poll = _BATCH_POLL_SECONDS if self._many else _POLL_SECONDS
        console = self._services.console
        source = Source(self._place, self._options, console, poll)
        handler = Handler(self._wiring.function.name, self._run, self._options, console)
        if self._many:
            return BatchListener(source, handler, self._options, sessions=self._place.sessions)
        if self._place.sessions:
            return SessionListener(source, handler, self._options, self._all_held)
        return QueueListener(source, handler, self._options.max_concurrent_calls)

    async def _run(self, messages: "Sequence[ServiceBusReceivedMessage]") -> bool:
        try:
            given = self._input(messages)
        except value.BodyError as error:
            self._services.console.warn(
                f"{self._wiring.function.name}: message {messages[0].message_id}: {error}"
            )
            return False
        return (await self._wiring.run(given)).ok

    def _input(self, messages: "Sequence[ServiceBusReceivedMessage]") -> TriggerInput:
        binding = self._wiring.binding
        if self._many:
            given = value.of_many(binding, messages)
            if metadata.has_gaps(given.metadata, len(messages)):
                self._note(Trap.GAPS, "got a batch in which only some messages have a property")
            return given
        given = value.of_one(binding, messages[0])
        if names := value.overwritten(given, messages[0]):
            self._note(Trap.METADATA, f"got a JSON body that overwrites {', '.join(names)}")
        return given

    def _all_held(self, count: int) -> None:
        if self._options.session_idle_timeout > _SHORT_IDLE_SECONDS:
            self._note(Trap.SESSIONS, f"holds {count} sessions, its most, so others wait")

    def _note(self, trap: Trap, detail: str) -> None:
        self._services.note(trap, self._wiring.function.name, detail)


def entity_of(binding: Binding, services: Services) -> Entity:
    """Return what a trigger's binding names.

    Raises:
        BindingError: if it names neither a queue nor a subscription of a topic.
    """
    if binding.text("queueName"):
        return Entity(queue=services.settings.resolved(binding, "queueName"))
    if not (binding.text("topicName") and binding.text("subscriptionName")):
        raise BindingError(
            f"the {binding.type} binding {binding.name!r} needs 'queueName', or 'topicName' and "
            "'subscriptionName'"
        )
    return Entity(
        topic=services.settings.resolved(binding, "topicName"),
        subscription=services.settings.resolved(binding, "subscriptionName"),
    )


def _flag(binding: Binding, key: str) -> bool | None:
    text = binding.text(key)
    return None if text is None else text.lower() == "true"

"""Which input and output binding type is made by what; a new type is one line here and one module.

Invariant: the keys are binding types in lower case, because the host compares them so.
"""

from collections.abc import Callable

from emulators.functions_host.bindings.base import Input, Output
from emulators.functions_host.bindings.blob import BlobInput, BlobOutput
from emulators.functions_host.bindings.queue import QueueOutput
from emulators.functions_host.bindings.service_bus import ServiceBusOutput
from emulators.functions_host.bindings.table import TableInput, TableOutput
from emulators.functions_host.bindings.web_pubsub import WebPubSubOutput
from emulators.functions_host.bindings.web_pubsub_connection import WebPubSubConnectionInput
from emulators.functions_host.bindings.web_pubsub_context import WebPubSubContextInput
from emulators.functions_host.model import Binding
from emulators.functions_host.services import Services

INPUTS: dict[str, Callable[[Binding, Services], Input]] = {
    "blob": BlobInput,
    "table": TableInput,
    "webpubsubconnection": WebPubSubConnectionInput,
    "webpubsubcontext": WebPubSubContextInput,
}
OUTPUTS: dict[str, Callable[[Binding, Services], Output]] = {
    "blob": BlobOutput,
    "queue": QueueOutput,
    "servicebus": ServiceBusOutput,
    "table": TableOutput,
    "webpubsub": WebPubSubOutput,
}
ANSWERED_BY_TRIGGER = frozenset({"http"})
"""Output types that the trigger takes from the outcome itself."""

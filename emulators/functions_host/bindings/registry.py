"""Which input and output binding type is made by what; a new type is one line here and one module.

Invariant: the keys are binding types in lower case, because the host compares them so.
"""

from collections.abc import Callable

from emulators.functions_host.bindings.base import Input, Output
from emulators.functions_host.bindings.queue import QueueOutput
from emulators.functions_host.bindings.web_pubsub import WebPubSubOutput
from emulators.functions_host.model import Binding
from emulators.functions_host.services import Services

INPUTS: dict[str, Callable[[Binding, Services], Input]] = {}
OUTPUTS: dict[str, Callable[[Binding, Services], Output]] = {
    "queue": QueueOutput,
    "webpubsub": WebPubSubOutput,
}
ANSWERED_BY_TRIGGER = frozenset({"http"})
"""Output types that the trigger takes from the outcome itself."""

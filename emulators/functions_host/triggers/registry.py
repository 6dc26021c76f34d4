"""Which trigger type is made by what; a new type is one line here and one module.

Invariant: the keys are binding types in lower case, because the host compares them so.
"""

from collections.abc import Callable

from emulators.functions_host.services import Services
from emulators.functions_host.triggers.base import Trigger, Wiring
from emulators.functions_host.triggers.blob.trigger import BlobTrigger
from emulators.functions_host.triggers.event_grid.trigger import EventGridTrigger
from emulators.functions_host.triggers.http import HttpTrigger
from emulators.functions_host.triggers.queue import QueueTrigger
from emulators.functions_host.triggers.service_bus.trigger import ServiceBusTrigger
from emulators.functions_host.triggers.timer import TimerTrigger
from emulators.functions_host.triggers.warmup import WarmupTrigger
from emulators.functions_host.triggers.web_pubsub.trigger import WebPubSubTrigger

TRIGGERS: dict[str, Callable[[Wiring, Services], Trigger]] = {
    "blobtrigger": BlobTrigger,
    "eventgridtrigger": EventGridTrigger,
    "httptrigger": HttpTrigger,
    "queuetrigger": QueueTrigger,
    "servicebustrigger": ServiceBusTrigger,
    "timertrigger": TimerTrigger,
    "warmuptrigger": WarmupTrigger,
    "webpubsubtrigger": WebPubSubTrigger,
}

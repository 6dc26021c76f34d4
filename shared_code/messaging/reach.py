"""Whether the bus answers. Invariant: asking changes nothing there."""

from shared_code import service_bus
from shared_code.messaging.topology import CONSUMERS


async def reach() -> None:
    """Raise ServiceBusError unless the bus answers. One link opened and closed."""
    await service_bus.reach(next(each.queue for each in CONSUMERS if not each.sessions))

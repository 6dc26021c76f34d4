"""Events between services: typed CloudEvents, published to every consumer that subscribed.

Invariant: a service publishes and consumes through this package alone, so that what carries the events
can change without a service noticing. Today that is one Storage queue for each consumer.
"""

from shared_code.messaging.consume import received
from shared_code.messaging.envelope import Event, EventData
from shared_code.messaging.publish import publish, reach, schedule
from shared_code.messaging.subscriptions import SETTING, SUBSCRIPTIONS, Subscription

__all__ = [
    "SETTING",
    "SUBSCRIPTIONS",
    "Event",
    "EventData",
    "Subscription",
    "publish",
    "reach",
    "received",
    "schedule",
]

"""Events between services: typed CloudEvents on Service Bus, a queue for each consumer.

Invariant: a service publishes and consumes through this package alone. An event that was published has
its effect at every consumer that hears it, or lies in that consumer's dead letters with the reason.
"""

from shared_code.messaging.consume import consumes
from shared_code.messaging.envelope import Event, EventData
from shared_code.messaging.inbox import AlreadyDone, apply_once
from shared_code.messaging.outbound import close
from shared_code.messaging.publish import publish, schedule
from shared_code.messaging.reach import reach
from shared_code.messaging.topology import CONSUMERS, QUEUES, SUBSCRIPTIONS, TOPIC, Consumer

__all__ = [
    "CONSUMERS",
    "QUEUES",
    "SUBSCRIPTIONS",
    "TOPIC",
    "AlreadyDone",
    "Consumer",
    "Event",
    "EventData",
    "apply_once",
    "close",
    "consumes",
    "publish",
    "reach",
    "schedule",
]

"""Queues, topics, subscriptions, sessions and locks. Invariant: single-threaded, and no wire in here."""

from emulators.service_bus.broker.broker import Broker, Limits
from emulators.service_bus.broker.entry import Delivery, State
from emulators.service_bus.broker.queue import Queue
from emulators.service_bus.broker.sessions import Session
from emulators.service_bus.broker.topic import Topic

__all__ = ["Broker", "Delivery", "Limits", "Queue", "Session", "State", "Topic"]

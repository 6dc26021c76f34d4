"""A topic and its subscriptions. Invariant: a subscription gets a copy of its own, or none."""

from typing import TYPE_CHECKING

from emulators.service_bus.broker.entity import Entity, World
from emulators.service_bus.broker.queue import Queue, QueueSettings
from emulators.service_bus.errors import ENTITY_EXISTS, NOT_FOUND, BrokerError
from emulators.service_bus.filters import DEFAULT_RULE, Facts, Rule

if TYPE_CHECKING:
    from emulators.amqp.sections import Message


class Subscription(Queue):
    """A queue that takes from its topic what its rules let through."""

    def __init__(
        self, world: World, path: str, key: int, settings: QueueSettings, rules: list[Rule]
    ) -> None:
        super().__init__(world, path, key, settings)
        self._rules = {rule.name.lower(): rule for rule in rules or [DEFAULT_RULE]}

    @property
    def rules(self) -> list[Rule]:
        """The rules, in the order of their names."""
        return sorted(self._rules.values(), key=lambda rule: rule.name.lower())

    def add_rule(self, rule: Rule) -> None:
        """Add a rule; it is kept as long as the process. Raises BrokerError for a second of its name."""
        if rule.name.lower() in self._rules:
            raise BrokerError(ENTITY_EXISTS, f"there is a rule {rule.name}")
        self._rules[rule.name.lower()] = rule

    def remove_rule(self, name: str) -> None:
        """Remove a rule. Raises BrokerError when there is none of this name."""
        if self._rules.pop(name.lower(), None) is None:
            raise BrokerError(NOT_FOUND, f"there is no rule {name}")

    def offer(self, message: "Message", facts: Facts, hops: int) -> None:
        """Take the message if a rule matches: once for all rules that change nothing, once for each other."""
        matching = [rule for rule in self._rules.values() if rule.matches(facts)]
        if any(rule.action is None for rule in matching):
            self.put(message, hops)
        for rule in matching:
            if rule.action is not None:
                self.put(rule.action(message, facts.enqueued_ms), hops)


class Topic(Entity):
    """A topic."""

    def __init__(self, world: World, path: str, key: int, ttl_ms: int, window_ms: int) -> None:
        super().__init__(world, path, key, window_ms)
        self._ttl_ms = ttl_ms
        self.subscriptions: dict[str, Subscription] = {}

    @property
    def size(self) -> int:
        """Bytes in all subscriptions."""
        return sum(each.size for each in self.subscriptions.values())

    def put(self, message: "Message", hops: int = 0, enqueued_sequence: int = 0) -> None:
        """Offer the message to every subscription."""
        sequence = self.take_sequence()
        if message.ttl_ms is None or message.ttl_ms > self._ttl_ms:
            message.ttl_ms = self._ttl_ms
        facts = Facts.of(message, self.world.now_ms())
        for subscription in self.subscriptions.values():
            subscription.offer(message, facts, hops)
        del sequence, enqueued_sequence  # a copy's number is its subscription's own

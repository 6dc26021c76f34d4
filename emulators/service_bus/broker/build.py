"""From a configuration to entities. Invariant: an entity keeps its key and its numbers across restarts."""

from itertools import count

from emulators.service_bus.broker.entity import Entity, World
from emulators.service_bus.broker.queue import DEAD_LETTER_SUFFIX, Queue, QueueSettings
from emulators.service_bus.broker.topic import Subscription, Topic
from emulators.service_bus.config import Config, TopicConfig
from emulators.service_bus.config.models import QueueLike, QueueProperties
from emulators.service_bus.filters import rule_of
from emulators.service_bus.storage import Saved

type Entities = dict[str, Entity]
"""By lower-case path."""


def build(config: Config, world: World, saved: Saved) -> Entities:
    """Every entity of the configuration, its forwards tied, its numbers going on where they were."""
    return _Builder(world, saved).build(config)


class _Builder:
    def __init__(self, world: World, saved: Saved) -> None:
        self._world = world
        self._saved = saved
        self._keys = count(max((key for key, _ in saved.entities.values()), default=0) + 1)
        self._entities: Entities = {}

    def build(self, config: Config) -> Entities:
        forwards: list[tuple[Queue, QueueLike]] = []
        for queue in config.queues:
            made = Queue(
                self._world, queue.name, self._key(queue.name), _settings(queue.properties)
            )
            self._add(made)
            forwards.append((made, queue.properties))
        for topic in config.topics:
            made_topic = self._topic(topic)
            for each in topic.subscriptions:
                path = f"{topic.name}/Subscriptions/{each.name}"
                rules = [rule_of(rule) for rule in each.rules]
                settings = _settings(each.properties)
                subscription = Subscription(self._world, path, self._key(path), settings, rules)
                made_topic.subscriptions[each.name.lower()] = subscription
                self._add(subscription)
                forwards.append((subscription, each.properties))
        for source, properties in forwards:
            self._tie(source, properties)
        return self._entities

    def _topic(self, topic: TopicConfig) -> Topic:
        properties = topic.properties
        detects = properties.requires_duplicate_detection
        window = properties.duplicate_detection_history_time_window if detects else 0
        ttl = properties.default_message_time_to_live
        made = Topic(self._world, topic.name, self._key(topic.name), ttl, window)
        self._add(made)
        return made

    def _key(self, path: str) -> int:
        known = self._saved.entities.get(path)
        return known[0] if known else next(self._keys)

    def _add(self, entity: Entity) -> None:
        self._entities[entity.path.lower()] = entity
        self._number(entity)
        if isinstance(entity, Queue):
            path = entity.path + DEAD_LETTER_SUFFIX
            settings = QueueSettings(lock_ms=entity.lock_ms)
            entity.dead_letters = Queue(self._world, path, self._key(path), settings)
            self._entities[path.lower()] = entity.dead_letters
            self._number(entity.dead_letters)

    def _number(self, entity: Entity) -> None:
        known = self._saved.entities.get(entity.path)
        entity.next_sequence = known[1] if known else 1
        self._world.journal.entity(entity.path, entity.key, entity.next_sequence)

    def _tie(self, source: Queue, properties: QueueLike) -> None:
        if properties.forward_to:
            source.forward_to = self._entities[properties.forward_to.lower()]
        if properties.forward_dead_lettered_messages_to:
            target = properties.forward_dead_lettered_messages_to.lower()
            source.forward_dead_letters_to = self._entities[target]


def _settings(properties: QueueLike) -> QueueSettings:
    detects = isinstance(properties, QueueProperties) and properties.requires_duplicate_detection
    return QueueSettings(
        lock_ms=properties.lock_duration,
        max_deliveries=properties.max_delivery_count,
        ttl_ms=properties.default_message_time_to_live,
        requires_session=properties.requires_session,
        dead_letters_expired=properties.dead_lettering_on_message_expiration,
        window_ms=properties.duplicate_detection_history_time_window
        if isinstance(properties, QueueProperties) and detects
        else 0,
    )

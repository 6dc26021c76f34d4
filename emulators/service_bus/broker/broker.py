"""The broker: finds entities, takes messages in, and writes each turn's changes in one transaction.

Invariant: `commit` is called before anything that happened since the last one is told to anyone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from emulators.amqp import sections
from emulators.amqp.decoder import DecodeError
from emulators.amqp.sections import Message
from emulators.service_bus.broker.build import Entities, build
from emulators.service_bus.broker.entity import Entity, World, scheduled_for
from emulators.service_bus.broker.queue import Queue
from emulators.service_bus.broker.restore import restore
from emulators.service_bus.config import Config
from emulators.service_bus.errors import (
    DECODE_ERROR,
    MESSAGE_TOO_LARGE,
    NOT_ALLOWED,
    NOT_FOUND,
    RESOURCE_LIMIT,
    BrokerError,
)
from emulators.service_bus.storage import Journal

_MAX_ID_LENGTH = 128  # of message and session ids (learn.microsoft.com, Service Bus quotas)


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, as in the official emulator."""

    max_message_bytes: int = 256 * 1024
    max_entity_bytes: int = 100 * 1024 * 1024


class Broker:
    """All entities of one namespace."""

    def __init__(
        self,
        config: Config,
        journal: Journal,
        clock: Callable[[], float],
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._journal = journal
        self._world = World(journal, lambda: int(clock() * 1000))
        saved = journal.load()
        self._entities: Entities = build(config, self._world, saved)
        self.commit()
        restore(self._entities, saved)
        journal.messages.clear()  # what was just read need not be written

    @property
    def ready(self) -> set[Queue]:
        """Queues in which something may wait for a receiver since they were last taken from here."""
        return self._world.ready

    def find(self, address: str) -> Entity:
        """The queue, topic, subscription or dead-letter queue of an address. Raises BrokerError."""
        entity = self._entities.get(address.strip("/").lower())
        if entity is None:
            raise BrokerError(NOT_FOUND, f"The messaging entity '{address}' could not be found.")
        return entity

    def find_queue(self, address: str) -> Queue:
        """As `find`, for what can be received from."""
        entity = self.find(address)
        if not isinstance(entity, Queue):
            raise BrokerError(NOT_ALLOWED, f"{entity.path} is a topic: receive from a subscription")
        return entity

    def send(self, target: Entity, encoded: Sequence[bytes]) -> None:
        """Take messages in, all or none. Raises BrokerError."""
        messages = [self._admitted(target, each) for each in encoded]
        self._check_room(target, sum(len(each) for each in encoded))
        now = self._world.now_ms()
        for message in messages:
            if target.is_duplicate(message):
                continue
            due = scheduled_for(message, now)
            if due is None:
                target.put(message)
            else:
                target.schedule(message, due)

    def schedule(self, target: Entity, encoded: Sequence[bytes]) -> list[int]:
        """Take messages in for their time, all or none; their numbers. Raises BrokerError."""
        messages = [self._admitted(target, each) for each in encoded]
        self._check_room(target, sum(len(each) for each in encoded))
        now = self._world.now_ms()
        return [target.schedule(each, scheduled_for(each, now) or now) for each in messages]

    def _admitted(self, target: Entity, encoded: bytes) -> Message:
        """The message, if the entity takes it. One without an id is given one, as Azure does."""
        if len(encoded) > self.limits.max_message_bytes:
            said = f"a message of {len(encoded)} bytes, at most {self.limits.max_message_bytes}"
            raise BrokerError(MESSAGE_TOO_LARGE, said)
        try:
            message = sections.parse(encoded)
        except DecodeError as error:
            raise BrokerError(DECODE_ERROR, str(error)) from error
        properties = message.properties
        if target.needs_session and properties.group_id is None:
            raise BrokerError(
                NOT_ALLOWED,
                f"The SessionId was not set on a message, and it cannot be sent to {target.path}, "
                "which requires sessions.",
            )
        if max(len(str(properties.message_id)), len(properties.group_id or "")) > _MAX_ID_LENGTH:
            raise BrokerError(NOT_ALLOWED, f"an id has at most {_MAX_ID_LENGTH} characters")
        if properties.message_id is None:
            properties.message_id = uuid4().hex
            message.raw_properties = properties.encoded()
        return message

    def _check_room(self, target: Entity, size: int) -> None:
        if target.size + size > self.limits.max_entity_bytes:
            said = f"{target.path} holds its {self.limits.max_entity_bytes} bytes"
            raise BrokerError(RESOURCE_LIMIT, said)

    def commit(self) -> None:
        """Write all that has changed."""
        self._journal.commit()

    def next_due(self) -> float | None:
        """When (in seconds since the epoch) something is to be done, if anything is."""
        due = self._world.timers.next_due_ms
        return None if due is None else due / 1000

    def run_due(self) -> None:
        """Do what is due: locks, sessions and messages expire, scheduled ones arrive."""
        self._world.timers.run(self._world.now_ms())

    def close(self) -> None:
        """Commit and let the file go."""
        self._journal.close()

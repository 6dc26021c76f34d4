"""What queues and topics have in common: a path, sequence numbers, duplicate detection, a schedule.

Invariants: a sequence number is never given twice, also across restarts; a message that is scheduled gets
a new number when its time comes, as in Azure, where it is appended as if it had been sent then.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulators.service_bus.broker.entry import SCHEDULED_TIME, Entry, State
from emulators.service_bus.broker.index import Index
from emulators.service_bus.broker.timers import Timers
from emulators.service_bus.errors import MESSAGE_NOT_FOUND, BrokerError

if TYPE_CHECKING:
    from emulators.amqp.sections import Message
    from emulators.service_bus.broker.queue import Queue
    from emulators.service_bus.storage import Journal


@dataclass
class World:
    """What all entities of a broker share."""

    journal: "Journal"
    now_ms: Callable[[], int]
    timers: Timers = field(default_factory=Timers)
    ready: set["Queue"] = field(default_factory=set)


class Entity(ABC):
    """Something that takes messages."""

    def __init__(self, world: World, path: str, key: int, window_ms: int = 0) -> None:
        self.path = path
        self.key = key
        self.world = world
        self.next_sequence = 1
        self.scheduled = Index()
        self.window_ms = window_ms
        self._seen: dict[str, int] = {}

    @abstractmethod
    def put(self, message: "Message", hops: int = 0, enqueued_sequence: int = 0) -> None:
        """Take a message in; `hops` counts the forwards behind it."""

    @property
    def size(self) -> int:
        """Bytes that count against the quota."""
        return 0

    @property
    def needs_session(self) -> bool:
        """Whether every message must name its session."""
        return False

    def take_sequence(self) -> int:
        """The next sequence number."""
        sequence = self.next_sequence
        self.next_sequence += 1
        self.world.journal.entity(self.path, self.key, self.next_sequence)
        return sequence

    def is_duplicate(self, message: "Message") -> bool:
        """Whether a message of this id came within the window; if not, it has now."""
        if not self.window_ms:
            return False
        now = self.world.now_ms()
        self._forget_old(now)
        message_id = str(message.properties.message_id)
        if message_id in self._seen:
            return True
        self.remember(message_id, now + self.window_ms)
        self.world.journal.seen(self.key, message_id, now + self.window_ms)
        return False

    def remember(self, message_id: str, until_ms: int) -> None:
        """A message id that is a duplicate until then."""
        self._seen[message_id] = until_ms

    def _forget_old(self, now: int) -> None:
        """Ids come in the order in which they are forgotten."""
        while self._seen:
            message_id, until = next(iter(self._seen.items()))
            if until > now:
                return
            del self._seen[message_id]
            self.world.journal.seen(self.key, message_id, None)

    def schedule(self, message: "Message", due_ms: int) -> int:
        """Keep a message until its time; its number until then."""
        sequence = self.take_sequence()
        now = self.world.now_ms()
        entry = Entry(sequence, message, now, 0, None, state=State.SCHEDULED, due_ms=due_ms)
        self.add_scheduled(entry)
        return sequence

    def add_scheduled(self, entry: Entry) -> None:
        """Put an entry that waits for its time into the schedule."""
        self.scheduled.add(entry)
        self._keep(entry)
        due = entry.due_ms or 0
        entry.timer = self.world.timers.at(due, lambda: self._arrive(entry))

    def _arrive(self, entry: Entry) -> None:
        self._drop_scheduled(entry)
        self.put(entry.message)

    def cancel(self, sequences: list[int]) -> None:
        """Cancel scheduled messages. Raises BrokerError unless all of them are there."""
        entries = [self.scheduled.get(sequence) for sequence in sequences]
        if None in entries:
            missing = [n for n, entry in zip(sequences, entries, strict=True) if entry is None]
            raise BrokerError(MESSAGE_NOT_FOUND, f"no scheduled message has the number {missing}")
        for entry in entries:
            if entry is not None:
                self._drop_scheduled(entry)

    def _drop_scheduled(self, entry: Entry) -> None:
        self.scheduled.remove(entry)
        self.world.timers.cancel(entry.timer)
        self.world.journal.message(self.key, entry.sequence, None)

    def _keep(self, entry: Entry) -> None:
        self.world.journal.message(self.key, entry.sequence, lambda: entry.saved(self.key))

    def walk_scheduled(self, first: int) -> Iterator[Entry]:
        """Scheduled messages from a number on."""
        return self.scheduled.walk(first)


def scheduled_for(message: "Message", now_ms: int) -> int | None:
    """When the message wants to arrive, if that is later than now."""
    due = message.annotations.get(SCHEDULED_TIME)
    return due if isinstance(due, int) and due > now_ms else None

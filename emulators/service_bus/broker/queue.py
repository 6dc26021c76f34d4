"""A queue; subscriptions and dead-letter sub-queues are queues too.

Invariants: a message is in one place: waiting, locked by one receiver, deferred, or gone. What is given
back regains its place by its number. What cannot stay goes to the dead letters with a reason, unless the
queue says that what expires is dropped.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from emulators.amqp.sections import with_application_properties
from emulators.service_bus.broker.entity import Entity, World
from emulators.service_bus.broker.entry import Delivery, Entry, Lock, State
from emulators.service_bus.broker.index import Index
from emulators.service_bus.broker.sessions import MAX_STATE_BYTES, Session, Sessions
from emulators.service_bus.errors import (
    ARGUMENT_ERROR,
    MESSAGE_LOCK_LOST,
    MESSAGE_NOT_FOUND,
    NOT_ALLOWED,
    SESSION_LOCK_LOST,
    BrokerError,
)

if TYPE_CHECKING:
    from emulators.amqp.sections import Message

MAX_HOPS = 4
"""Forwards in a row (learn.microsoft.com, Service Bus quotas)."""

_NO_SESSION_ID = (
    "Session ID is null",
    "Session enabled entity doesn't allow a message whose session identifier is null.",
)
"""Reason and description, as Azure words them (learn.microsoft.com, dead-letter queues)."""

DEAD_LETTER_SUFFIX = "/$DeadLetterQueue"


@dataclass(frozen=True)
class QueueSettings:
    """How a queue behaves; times in milliseconds. A dead-letter queue expires and counts nothing."""

    lock_ms: int
    max_deliveries: int | None = None
    ttl_ms: int | None = None
    requires_session: bool = False
    dead_letters_expired: bool = False
    window_ms: int = 0


class Queue(Entity):
    """A queue."""

    def __init__(self, world: World, path: str, key: int, settings: QueueSettings) -> None:
        super().__init__(world, path, key, settings.window_ms)
        self.settings = settings
        self.dead_letters: Queue | None = None
        self.forward_to: Entity | None = None
        self.forward_dead_letters_to: Entity | None = None
        self.sessions = Sessions(self)
        self._index = Index()
        self._waiting: list[tuple[int, Entry]] = []
        self._locks: dict[UUID, Lock] = {}
        self._size = 0

    @property
    def lock_ms(self) -> int:
        """How long a lock holds."""
        return self.settings.lock_ms

    @property
    def needs_session(self) -> bool:
        """Whether every message must name its session."""
        return self.settings.requires_session

    @property
    def size(self) -> int:
        """Bytes of what is here and in the dead letters."""
        return self._size + (self.dead_letters.size if self.dead_letters else 0)

    def __len__(self) -> int:
        return len(self._index)

    # Coming in

    def put(self, message: "Message", hops: int = 0, enqueued_sequence: int = 0) -> None:
        """Take a message in, or pass it on."""
        sequence = self.take_sequence()
        now = self.world.now_ms()
        entry = Entry(sequence, message, now, enqueued_sequence or sequence, self._expiry(message))
        if self.forward_to is not None:
            self._forward(entry, self.forward_to, hops)
        elif self.needs_session and message.properties.group_id is None:
            self._bury(entry, *_NO_SESSION_ID)
        else:
            self.add(entry)

    def _expiry(self, message: "Message") -> int | None:
        """When the message expires: the shorter of its own time to live and the queue's."""
        own, properties = message.ttl_ms, message.properties
        if own is None and properties.absolute_expiry_ms and properties.creation_ms:
            own = max(properties.absolute_expiry_ms - properties.creation_ms, 0)
        lives = [each for each in (own, self.settings.ttl_ms) if each is not None]
        return self.world.now_ms() + min(lives) if lives else None

    def _forward(self, entry: Entry, target: Entity, hops: int) -> None:
        if hops >= MAX_HOPS:
            reason = f"The message was forwarded more than {MAX_HOPS} times."
            self._bury(entry, "MaxTransferHopCountExceeded", reason)
            return
        if target.needs_session and entry.session_id is None:
            self._bury(entry, *_NO_SESSION_ID)
            return
        target.put(entry.message, hops + 1, entry.enqueued_sequence)

    def add(self, entry: Entry) -> None:
        """Put an entry into the queue."""
        self._index.add(entry)
        self._size += entry.size
        self._keep(entry)
        if entry.expires_ms is not None:
            entry.timer = self.world.timers.at(
                entry.expires_ms, lambda: self._expire_at_rest(entry)
            )
        if entry.state is State.ACTIVE:
            self._push(entry)

    def _push(self, entry: Entry) -> None:
        """Let the entry wait for a receiver, at its place."""
        if self.needs_session:
            self.sessions.push(entry)
        else:
            heapq.heappush(self._waiting, (entry.sequence, entry))
        self.world.ready.add(self)

    # Going out

    def receive(
        self, count: int, owner: object, *, settled: bool = False, session: Session | None = None
    ) -> list[Delivery]:
        """Up to `count` waiting messages, locked for the owner, or gone when they go out settled."""
        heap = self.sessions.heap(session) if session else self._waiting
        found: list[Delivery] = []
        while len(found) < count and (entry := self.first_of(heap)) is not None:
            heapq.heappop(heap)
            found.append(self._hand_out(entry, owner, session, settled=settled))
        return found

    def has_waiting(self, session: Session | None = None) -> bool:
        """Whether a message waits."""
        heap = self.sessions.heap(session) if session else self._waiting
        return self.first_of(heap) is not None

    def first_of(self, heap: list[tuple[int, Entry]]) -> Entry | None:
        """The first entry of a heap that still waits; what does not is dropped from it."""
        now = self.world.now_ms()
        while heap:
            entry = heap[0][1]
            waits = entry in self._index and entry.state is State.ACTIVE and entry.lock is None
            if waits and (entry.expires_ms is None or entry.expires_ms > now):
                return entry
            heapq.heappop(heap)
            if waits:
                self._expire(entry)
        return None

    def _hand_out(
        self, entry: Entry, owner: object, session: Session | None, *, settled: bool
    ) -> Delivery:
        if settled:
            self._remove(entry)
            return Delivery(uuid4(), entry)
        lock = self._lock(entry, owner, session)
        return Delivery(lock.token, entry, lock.until_ms)

    def _lock(self, entry: Entry, owner: object, session: Session | None) -> Lock:
        until = session.locked_until_ms if session else self.world.now_ms() + self.lock_ms
        lock = entry.lock = Lock(uuid4(), entry, until, owner, session)
        self._locks[lock.token] = lock
        if session:
            session.locks[lock.token] = lock
        else:
            lock.timer = self.world.timers.at(until, lambda: self.unlock(lock, failed=True))
        return lock

    def unlock(self, lock: Lock, *, failed: bool) -> None:
        """Give an entry back to its place; a delivery that failed counts."""
        entry = self._let_go(lock)
        if failed:
            entry.delivery_count += 1
            self._keep(entry)
        if entry.state is State.DEFERRED:
            return
        limit = self.settings.max_deliveries
        if limit is not None and entry.delivery_count >= limit:
            said = f"Message could not be consumed after {entry.delivery_count} delivery attempts."
            self._remove(entry)
            self._bury(entry, "MaxDeliveryCountExceeded", said)
        elif self._has_expired(entry):
            self._expire(entry)
        else:
            self._push(entry)

    def _let_go(self, lock: Lock) -> Entry:
        self._locks.pop(lock.token, None)
        self.world.timers.cancel(lock.timer)
        if lock.session:
            lock.session.locks.pop(lock.token, None)
        lock.entry.lock = None
        return lock.entry

    # Settling

    def complete(self, token: UUID) -> None:
        """The message is done. Raises BrokerError when its lock is gone."""
        self._remove(self._let_go(self._locked(token)))

    def abandon(self, token: UUID, properties: Mapping[str, Any]) -> None:
        """Give the message back; it counts. Raises BrokerError when its lock is gone."""
        lock = self._locked(token)
        self._change(lock.entry, properties)
        self.unlock(lock, failed=True)

    def release(self, token: UUID) -> None:
        """Give the message back unseen; it does not count."""
        self.unlock(self._locked(token), failed=False)

    def defer(self, token: UUID, properties: Mapping[str, Any]) -> None:
        """Put the message aside, to be asked for by its number. Raises BrokerError."""
        entry = self._let_go(self._locked(token))
        entry.state = State.DEFERRED
        self._change(entry, properties)
        self._keep(entry)

    def dead_letter(
        self,
        token: UUID,
        reason: str | None,
        description: str | None,
        properties: Mapping[str, Any],
    ) -> None:
        """Send the message to the dead letters. Raises BrokerError when its lock is gone."""
        if self.dead_letters is None:
            raise BrokerError(NOT_ALLOWED, "a dead letter cannot be dead-lettered")
        entry = self._let_go(self._locked(token))
        self._remove(entry)
        self._bury(entry, reason, description, properties)

    def _locked(self, token: UUID) -> Lock:
        lock = self._locks.get(token)
        if lock is None:
            condition = SESSION_LOCK_LOST if self.needs_session else MESSAGE_LOCK_LOST
            raise BrokerError(condition, "The lock supplied is invalid. Either the lock expired, "
                              "or the message has already been removed from the queue.")  # fmt: skip
        return lock

    def _change(self, entry: Entry, properties: Mapping[str, Any]) -> None:
        if properties:
            self._size -= entry.size
            entry.message = with_application_properties(entry.message, properties)
            self._size += entry.size
            self._keep(entry)

    def _remove(self, entry: Entry) -> None:
        self._index.remove(entry)
        self._size -= entry.size
        self.world.timers.cancel(entry.timer)
        self.world.journal.message(self.key, entry.sequence, None)

    def renew(self, tokens: Iterable[UUID]) -> list[int]:
        """Hold these locks for another lock time; until when. Raises BrokerError unless all are held."""
        locks = [self._locked(token) for token in tokens]
        for lock in locks:
            self.world.timers.cancel(lock.timer)
            lock.until_ms = self.world.now_ms() + self.lock_ms
            lock.timer = self.world.timers.at(lock.until_ms, _expiry_of(self, lock))
        return [lock.until_ms for lock in locks]

    # Dying

    def _bury(
        self,
        entry: Entry,
        reason: str | None,
        description: str | None,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        """Put an entry that is in no queue any more into the dead letters, with its number."""
        told = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
        extra = {name: value for name, value in told.items() if value is not None}
        message = with_application_properties(entry.message, {**(properties or {}), **extra})
        if self.forward_dead_letters_to is not None:
            self.forward_dead_letters_to.put(message, 1, entry.enqueued_sequence)
        elif self.dead_letters is not None:
            self.dead_letters.add(
                Entry(
                    sequence=entry.sequence,
                    message=message,
                    enqueued_ms=entry.enqueued_ms,
                    enqueued_sequence=entry.enqueued_sequence,
                    expires_ms=None,
                    delivery_count=entry.delivery_count,
                    source=self.path,
                )
            )

    def _has_expired(self, entry: Entry) -> bool:
        return entry.expires_ms is not None and entry.expires_ms <= self.world.now_ms()

    def _expire_at_rest(self, entry: Entry) -> None:
        """The time of a message is over; one that is locked is looked at when it comes back."""
        if entry in self._index and entry.lock is None:
            self._expire(entry)

    def _expire(self, entry: Entry) -> None:
        self._remove(entry)
        if self.settings.dead_letters_expired:
            said = "The message expired and was dead lettered."
            self._bury(entry, "TTLExpiredException", said)

    # Looking, deferred messages, sessions

    def peek(self, first: int, count: int, session_id: str | None) -> list[Delivery]:
        """Up to `count` messages from a number on, whatever their state; nothing is locked."""
        found: list[Delivery] = []
        for entry in self._all_from(first):
            if len(found) == count:
                break
            if session_id is None or entry.session_id == session_id:
                found.append(Delivery(UUID(int=0), entry, peeked=True))
        return found

    def _all_from(self, first: int) -> Iterator[Entry]:
        return merge(
            self._index.walk(first), self.scheduled.walk(first), key=lambda entry: entry.sequence
        )

    def receive_deferred(
        self, sequences: list[int], owner: object, *, settled: bool, session: Session | None
    ) -> list[Delivery]:
        """The deferred messages of these numbers. Raises BrokerError unless all are there."""
        entries = [self._index.get(sequence) for sequence in sequences]
        found = [
            entry
            for entry in entries
            if entry and entry.state is State.DEFERRED and entry.lock is None
        ]
        if len(found) != len(sequences):
            raise BrokerError(MESSAGE_NOT_FOUND, "not all of these messages are deferred here")
        return [self._hand_out(entry, owner, session, settled=settled) for entry in found]

    def accept_session(self, session_id: str | None, owner: object) -> Session | None:
        """Hold a session. Raises BrokerError when that cannot be."""
        if not self.needs_session:
            raise BrokerError(NOT_ALLOWED, f"{self.path} has no sessions")
        return self.sessions.accept(session_id, owner)

    def session_held(self, session_id: str) -> Session:
        """The hold on a session. Raises BrokerError when nobody has it."""
        session = self.sessions.holder(session_id)
        if session is None:
            raise BrokerError(SESSION_LOCK_LOST, f"nobody holds the session {session_id!r}")
        return session

    def set_state(self, session_id: str, state: bytes | None) -> None:
        """Set the state of a session that is held. Raises BrokerError."""
        self.session_held(session_id)
        if state is not None and len(state) > MAX_STATE_BYTES:
            raise BrokerError(ARGUMENT_ERROR, f"a state has at most {MAX_STATE_BYTES} bytes")
        self.sessions.set_state(session_id, state)


def _expiry_of(queue: Queue, lock: Lock) -> Any:
    return lambda: queue.unlock(lock, failed=True)

"""The sessions of a queue: which have messages, which are held, and their states.

Invariant: a session is held by one receiver at a time; a session with nothing in it is forgotten.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from emulators.service_bus.broker.entry import Entry, Lock
from emulators.service_bus.errors import SESSION_CANNOT_BE_LOCKED, SESSION_LOCK_LOST, BrokerError

if TYPE_CHECKING:
    from emulators.service_bus.broker.queue import Queue
    from emulators.service_bus.broker.timers import Timer

MAX_STATE_BYTES = 256 * 1024  # of a session's state (learn.microsoft.com, Service Bus quotas)


@dataclass(eq=False)
class Session:
    """The hold of one receiver on a session. `on_lost` is called when the hold expires."""

    queue: "Queue"
    id: str
    owner: object
    locked_until_ms: int
    lost: bool = False
    on_lost: Callable[[], None] | None = None
    locks: dict[UUID, Lock] = field(default_factory=dict)
    timer: "Timer | None" = None


@dataclass(eq=False)
class _Record:
    """What is known of a session: its waiting messages (a heap by number), its holder, its state."""

    heap: list[tuple[int, Entry]] = field(default_factory=list)
    holder: Session | None = None
    state: bytes | None = None


class Sessions:
    """The sessions of one queue."""

    def __init__(self, queue: "Queue") -> None:
        self._queue = queue
        self._records: dict[str, _Record] = {}
        self._waiting: dict[str, None] = {}

    def push(self, entry: Entry) -> None:
        """A message waits in its session."""
        session_id = entry.session_id or ""
        record = self._records.setdefault(session_id, _Record())
        heapq.heappush(record.heap, (entry.sequence, entry))
        if record.holder is None:
            self._waiting[session_id] = None

    def heap(self, session: Session) -> list[tuple[int, Entry]]:
        """The waiting messages of a session that is held."""
        return self._records[session.id].heap

    def accept(self, session_id: str | None, owner: object) -> Session | None:
        """Hold a session: this one, or the next that waits (None when none does).

        Raises BrokerError when it is held by another.
        """
        if session_id is None:
            session_id = next(self._next_waiting(), None)
            if session_id is None:
                return None
        record = self._records.setdefault(session_id, _Record())
        if record.holder is not None:
            raise BrokerError(
                SESSION_CANNOT_BE_LOCKED, f"the session {session_id!r} is held by another receiver"
            )
        self._waiting.pop(session_id, None)
        session = Session(self._queue, session_id, owner, 0)
        record.holder = session
        self.extend(session)
        return session

    def _next_waiting(self) -> Iterator[str]:
        """Sessions that have a message, longest waiting first; the others are not waiting after all."""
        for session_id in list(self._waiting):
            if self._queue.first_of(self._records[session_id].heap) is not None:
                yield session_id
            else:
                del self._waiting[session_id]
                self._forget_if_empty(session_id)

    def extend(self, session: Session) -> int:
        """Hold the session for another lock time; until when."""
        if session.lost:
            raise BrokerError(SESSION_LOCK_LOST, f"the lock on {session.id!r} has expired")
        world = self._queue.world
        world.timers.cancel(session.timer)
        session.locked_until_ms = world.now_ms() + self._queue.lock_ms
        session.timer = world.timers.at(session.locked_until_ms, lambda: self._expire(session))
        return session.locked_until_ms

    def _expire(self, session: Session) -> None:
        self.close(session, failed=True)
        if session.on_lost:
            session.on_lost()

    def close(self, session: Session, *, failed: bool) -> None:
        """Let a session go. What was locked under it waits again; `failed` counts as a delivery."""
        if session.lost:
            return
        session.lost = True
        world = self._queue.world
        world.timers.cancel(session.timer)
        record = self._records[session.id]
        record.holder = None
        for lock in list(session.locks.values()):
            self._queue.unlock(lock, failed=failed)
        if record.heap:
            self._waiting[session.id] = None
            world.ready.add(self._queue)
        self._forget_if_empty(session.id)

    def holder(self, session_id: str) -> Session | None:
        """Who holds a session."""
        record = self._records.get(session_id)
        return record.holder if record else None

    def state(self, session_id: str) -> bytes | None:
        """A session's state."""
        record = self._records.get(session_id)
        return record.state if record else None

    def set_state(self, session_id: str, state: bytes | None) -> None:
        """Set a session's state, or clear it."""
        self.restore(session_id, state)
        self._queue.world.journal.session(self._queue.key, session_id, state)
        self._forget_if_empty(session_id)

    def restore(self, session_id: str, state: bytes | None) -> None:
        """A state as it was kept."""
        self._records.setdefault(session_id, _Record()).state = state

    def ids(self) -> list[str]:
        """The sessions that have messages or a state, in order."""
        return sorted(
            session_id
            for session_id, record in self._records.items()
            if record.state is not None or self._queue.first_of(record.heap) is not None
        )

    def _forget_if_empty(self, session_id: str) -> None:
        record = self._records.get(session_id)
        if record and record.holder is None and record.state is None and not record.heap:
            del self._records[session_id]
            self._waiting.pop(session_id, None)

"""What changed since the last commit, coalesced; kept in memory, this is all there is.

Invariant: of each row only its last state is written, so what came and went in one turn costs nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SavedMessage:
    """A row of a message. `state` is 0 active, 1 deferred, 2 scheduled; times are epoch milliseconds."""

    entity: int
    sequence: int
    state: int
    delivery_count: int
    enqueued_ms: int
    enqueued_sequence: int
    expires_ms: int | None
    due_ms: int | None
    source: str | None
    encoded: bytes


@dataclass
class Saved:
    """All that was there at the start."""

    entities: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By path: the key, and the next sequence number."""

    messages: Iterable[SavedMessage] = ()
    """In the order of entity and sequence."""

    sessions: list[tuple[int, str, bytes]] = field(default_factory=list)
    history: list[tuple[int, str, int]] = field(default_factory=list)


class Journal:
    """Takes every change. Without a file nothing is kept; `SqliteJournal` writes them."""

    def __init__(self) -> None:
        self.entities: dict[str, tuple[int, int]] = {}
        self.messages: dict[tuple[int, int], Callable[[], SavedMessage] | None] = {}
        self.sessions: dict[tuple[int, str], bytes | None] = {}
        self.history: dict[tuple[int, str], int | None] = {}

    def load(self) -> Saved:
        """What was kept."""
        return Saved()

    def entity(self, path: str, key: int, next_sequence: int) -> None:
        """An entity, and the next number that it gives."""
        self.entities[path] = (key, next_sequence)

    def message(self, entity: int, sequence: int, saved: Callable[[], SavedMessage] | None) -> None:
        """A message as it is now (asked for when it is written), or None when it is gone."""
        self.messages[entity, sequence] = saved

    def session(self, entity: int, session_id: str, state: bytes | None) -> None:
        """A session's state."""
        self.sessions[entity, session_id] = state

    def seen(self, entity: int, message_id: str, until_ms: int | None) -> None:
        """A message id that is a duplicate until then; None when it no longer is."""
        self.history[entity, message_id] = until_ms

    def commit(self) -> None:
        """Write everything since the last commit."""
        self.forget()

    def forget(self) -> None:
        """Nothing is waiting to be written any more."""
        for changes in (self.entities, self.messages, self.sessions, self.history):
            changes.clear()

    def close(self) -> None:
        """Commit and let go."""
        self.commit()

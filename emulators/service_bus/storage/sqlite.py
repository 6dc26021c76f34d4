"""The journal in SQLite: one transaction for each commit.

Invariants: WAL with synchronous NORMAL, so a killed process loses nothing that was committed (a power cut
may lose the last commits; `full` is for those who mind); a database belongs to one process.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from emulators.service_bus.storage.journal import Journal, Saved, SavedMessage

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entities (
    path TEXT PRIMARY KEY, key INTEGER NOT NULL, next_sequence INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY, entity INTEGER NOT NULL, sequence INTEGER NOT NULL,
    state INTEGER NOT NULL, delivery_count INTEGER NOT NULL, enqueued_ms INTEGER NOT NULL,
    enqueued_sequence INTEGER NOT NULL, expires_ms INTEGER, due_ms INTEGER, source TEXT,
    encoded BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS by_sequence ON messages (entity, sequence);
CREATE TABLE IF NOT EXISTS sessions (
    entity INTEGER NOT NULL, session TEXT NOT NULL, state BLOB NOT NULL,
    PRIMARY KEY (entity, session));
CREATE TABLE IF NOT EXISTS history (
    entity INTEGER NOT NULL, message_id TEXT NOT NULL, until_ms INTEGER NOT NULL,
    PRIMARY KEY (entity, message_id));
"""
_PUT = """
INSERT INTO messages (entity, sequence, state, delivery_count, enqueued_ms, enqueued_sequence,
    expires_ms, due_ms, source, encoded) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (entity, sequence) DO UPDATE SET state = excluded.state,
    delivery_count = excluded.delivery_count, expires_ms = excluded.expires_ms,
    due_ms = excluded.due_ms, encoded = excluded.encoded
"""
_ALL = """
SELECT entity, sequence, state, delivery_count, enqueued_ms, enqueued_sequence, expires_ms, due_ms,
    source, encoded FROM messages ORDER BY entity, sequence
"""


class SqliteJournal(Journal):
    """Keeps everything in the file at `path`. Raises sqlite3.Error when it cannot."""

    def __init__(self, path: Path, *, full: bool = False) -> None:
        super().__init__()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._base = sqlite3.connect(path, isolation_level=None)
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
        self._base.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._base.executescript(_SCHEMA)

    def load(self) -> Saved:
        """What was kept; the messages are read as they are asked for."""
        base = self._base
        return Saved(
            entities={
                path: (key, following)
                for path, key, following in base.execute(
                    "SELECT path, key, next_sequence FROM entities"
                )
            },
            messages=self._messages(),
            sessions=list(base.execute("SELECT entity, session, state FROM sessions")),
            history=list(
                base.execute("SELECT entity, message_id, until_ms FROM history ORDER BY until_ms")
            ),
        )

    def _messages(self) -> Iterator[SavedMessage]:
        for row in self._base.execute(_ALL):
            yield SavedMessage(*row)

    def commit(self) -> None:
        """Write everything since the last commit in one transaction."""
        if not (self.entities or self.messages or self.sessions or self.history):
            return
        base = self._base
        base.execute("BEGIN IMMEDIATE")
        try:
            self._write()
        except BaseException:
            base.execute("ROLLBACK")
            raise
        base.execute("COMMIT")
        self.forget()

    def _write(self) -> None:
        many = self._base.executemany
        many(
            "INSERT OR REPLACE INTO entities VALUES (?, ?, ?)",
            [(path, key, following) for path, (key, following) in self.entities.items()],
        )
        gone = [place for place, saved in self.messages.items() if saved is None]
        many("DELETE FROM messages WHERE entity = ? AND sequence = ?", gone)
        many(_PUT, [_row(saved()) for saved in self.messages.values() if saved is not None])
        many(
            "DELETE FROM sessions WHERE entity = ? AND session = ?",
            [place for place, state in self.sessions.items() if state is None],
        )
        many(
            "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?)",
            [(*place, state) for place, state in self.sessions.items() if state is not None],
        )
        many(
            "DELETE FROM history WHERE entity = ? AND message_id = ?",
            [place for place, until in self.history.items() if until is None],
        )
        many(
            "INSERT OR REPLACE INTO history VALUES (?, ?, ?)",
            [(*place, until) for place, until in self.history.items() if until is not None],
        )

    def close(self) -> None:
        """Commit and close the file."""
        super().close()
        self._base.close()


def _row(saved: SavedMessage) -> tuple[object, ...]:
    return (
        saved.entity,
        saved.sequence,
        saved.state,
        saved.delivery_count,
        saved.enqueued_ms,
        saved.enqueued_sequence,
        saved.expires_ms,
        saved.due_ms,
        saved.source,
        saved.encoded,
    )

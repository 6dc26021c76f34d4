"""Where messages outlive the process. Invariant: what `commit` has written survives a kill."""

from emulators.service_bus.storage.journal import Journal, Saved, SavedMessage
from emulators.service_bus.storage.sqlite import SqliteJournal

__all__ = ["Journal", "Saved", "SavedMessage", "SqliteJournal"]

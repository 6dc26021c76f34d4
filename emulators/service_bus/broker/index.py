"""Entries by sequence number, in order. Invariant: looking one up or walking from one scans no others."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from emulators.service_bus.broker.entry import Entry

_LEAST_TO_SWEEP = 64


class Index:
    """The entries of an entity."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._order: list[int] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, entry: Entry) -> bool:
        return self._entries.get(entry.sequence) is entry

    def get(self, sequence: int) -> Entry | None:
        """The entry of a number, if it is there."""
        return self._entries.get(sequence)

    def add(self, entry: Entry) -> None:
        """Put an entry in its place: nearly always the last."""
        if not self._order or entry.sequence > self._order[-1]:
            self._order.append(entry.sequence)
        elif entry.sequence not in self._entries:
            insort(self._order, entry.sequence)
        self._entries[entry.sequence] = entry

    def remove(self, entry: Entry) -> None:
        """Take an entry out; its number is swept later, with many."""
        del self._entries[entry.sequence]
        if len(self._order) > 2 * len(self._entries) + _LEAST_TO_SWEEP:
            self._order = sorted(self._entries)

    def walk(self, first: int) -> Iterator[Entry]:
        """The entries from a number on."""
        for at in range(bisect_left(self._order, first), len(self._order)):
            entry = self._entries.get(self._order[at])
            if entry is not None:
                yield entry

"""The writers of this process, one for each room that was written lately.

Invariant: a room never has two writers in one process; a writer with work is never dropped.
"""

from collections import OrderedDict

from functions.chat.store.plan import Accepted, Change
from functions.chat.store.writer import Announce, RoomWriter
from shared_code.outbox import Ledger

_KEPT = 1_000
"""Rooms remembered. A head's ring takes up to 48 kB, so a full house takes about 50 MB."""


class RoomWriters:
    """Finds the writer of a room, and forgets those idle longest."""

    def __init__(self, announce: Announce, ledger: Ledger) -> None:
        self._announce = announce
        self._ledger = ledger
        self._writers: OrderedDict[str, RoomWriter] = OrderedDict()

    async def submit(self, room_id: str, change: Change) -> Accepted:
        """As RoomWriter.submit, on the room's writer."""
        writer = self._writers.get(room_id)
        if writer is None:
            writer = self._writers[room_id] = RoomWriter(room_id, self._announce, self._ledger)
        self._writers.move_to_end(room_id)
        self._forget_idle()
        return await writer.submit(change)

    def _forget_idle(self) -> None:
        surplus = len(self._writers) - _KEPT
        for room_id in list(self._writers)[: max(surplus, 0)]:
            if self._writers[room_id].is_idle:
                del self._writers[room_id]

"""The head of a room: where its log stands, and a ring of what was sent lately.

Invariants: pure and immutable. `last_seq` grows by one for each entry; slot i of the ring belongs to seq
`ring_start + 1 + i`, so a hash found in it tells the seq of the entry that it came from.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b

from functions.chat.models import LogEntry, Room, RoomKind

RING_ENTRIES = 8_000
"""How many entries the ring remembers (design). 8,000 slots fit one binary property of 64 KiB."""

SLOT_BYTES = 6
"""48 bits: a chance hit among 8,000 is 3 in 10^11, and a hit is checked against the entry anyway."""

EMPTY_SLOT = bytes(SLOT_BYTES)


def slot_of(author_id: str, client_id: str) -> bytes:
    """The short hash under which the ring remembers a send: client ids are unique for each author."""
    digest = blake2b(f"{author_id}\n{client_id}".encode(), digest_size=SLOT_BYTES).digest()
    return digest if digest != EMPTY_SLOT else b"\x01" * SLOT_BYTES


@dataclass(frozen=True)
class Head:
    """The head row of one room."""

    room_id: str
    name: str
    kind: RoomKind
    created_by: str
    created_at: datetime
    last_seq: int = 0
    message_count: int = 0
    access_seq: int = 0
    ring: bytes = b""

    @property
    def ring_start(self) -> int:
        """The last seq that the ring no longer covers; 0 when it covers the whole log."""
        return self.last_seq - len(self.ring) // SLOT_BYTES

    def seqs_of(self, slot: bytes) -> list[int]:
        """The seqs at which the ring remembers `slot`, newest first."""
        found: list[int] = []
        at = self.ring.rfind(slot)
        while at >= 0:
            if at % SLOT_BYTES == 0:
                found.append(self.ring_start + 1 + at // SLOT_BYTES)
            at = self.ring.rfind(slot, 0, at + SLOT_BYTES - 1)
        return found

    def after(self, entries: list[LogEntry], slots: list[bytes], *, access_changed: bool) -> "Head":
        """The head once the log has taken `entries`; one slot for each."""
        ring = (self.ring + b"".join(slots))[-RING_ENTRIES * SLOT_BYTES :]
        last_seq = self.last_seq + len(entries)
        return replace(
            self,
            last_seq=last_seq,
            message_count=self.message_count + sum(e.type == "message.sent" for e in entries),
            access_seq=last_seq if access_changed else self.access_seq,
            ring=ring,
        )

    def room(self) -> Room:
        """The room as its members see it."""
        return Room(
            id=self.room_id,
            name=self.name,
            kind=self.kind,
            created_by=self.created_by,
            created_at=self.created_at,
            last_seq=self.last_seq,
            message_count=self.message_count,
        )

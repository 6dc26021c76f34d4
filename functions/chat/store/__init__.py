"""Everything that chat stores, and every query of it.

| module | holds |
|---|---|
| head.py | the head of a room, with its ring (pure) |
| rows.py | how head, segments and members stand in a table |
| plan.py | what the next commit will hold (pure) |
| commit.py | one commit, and the settling of an unknown outcome |
| writer.py, writers.py | group commit: one writer for each room in a process |
| reads.py | pages, entries, members |
| rooms.py | making a room; each user's list of rooms |
| tables.py | the tables, the activity ledger, the cursors of what is told |

Invariant: sequence numbers are gapless; what was accepted is durable.
"""

from functions.chat.store.head import EMPTY_SLOT, Head
from functions.chat.store.plan import Accepted, Change
from functions.chat.store.reads import (
    read_entry,
    read_last_seq,
    read_log,
    read_member,
    read_messages,
)
from functions.chat.store.rooms import claim_room_id, create_room, get_room, list_room, my_rooms
from functions.chat.store.rows import Segment
from functions.chat.store.tables import activity, cursors, ledger, provision, reach
from functions.chat.store.writers import RoomWriters

__all__ = [
    "EMPTY_SLOT",
    "Accepted",
    "Change",
    "Head",
    "RoomWriters",
    "Segment",
    "activity",
    "claim_room_id",
    "create_room",
    "cursors",
    "get_room",
    "ledger",
    "list_room",
    "my_rooms",
    "provision",
    "reach",
    "read_entry",
    "read_last_seq",
    "read_log",
    "read_member",
    "read_messages",
]

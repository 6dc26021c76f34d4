"""The rows of a room's partition, and how they are written and read back.

| RowKey | row |
|---|---|
| `head` | where the log stands (head.py) |
| `s:<reversed seq of its first entry>` | a segment: the entries of one commit, and its commit id |
| `m:<user id>` | a member |
| `n:<digest of author and client id>` | a *name*: the seq of a message that came through the queue |

Invariant: segments sort newest first, and the segment that holds seq N is the first row at or after
`segment_key(N)`.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from pydantic import TypeAdapter

from functions.chat.models import LogEntry, Member
from functions.chat.store.head import Head
from shared_code.clock import rfc3339
from shared_code.storage import int64, number

HEAD_KEY = "head"
FIRST_SEGMENT_KEY = "s:"
AFTER_SEGMENTS_KEY = "s;"

MAX_SEGMENT_BYTES = 256 * 1024
"""What one commit may hold; far below the 1 MiB of an entity, so that an edit has room to rewrite it."""

_HIGHEST_SEQ = 10**15 - 1
_CHUNK_BYTES = 64 * 1024  # the limit of a binary property
_entries: TypeAdapter[list[LogEntry]] = TypeAdapter(list[LogEntry])


@dataclass(frozen=True)
class Segment:
    """The entries of one commit. `commit_id` is random: a writer knows its own commit by it."""

    room_id: str
    commit_id: str
    entries: list[LogEntry]

    @property
    def first_seq(self) -> int:
        """The seq of the first entry."""
        return self.entries[0].seq


def segment_key(seq: int) -> str:
    """The RowKey of a segment whose first entry has `seq`."""
    return f"s:{_HIGHEST_SEQ - seq:015d}"


def member_key(user_id: str) -> str:
    """The RowKey of a member."""
    return f"m:{user_id}"


def name_key(author_id: str, client_id: str) -> str:
    """The RowKey of a name: client ids may hold what a key may not, and are unique for each author."""
    return "n:" + blake2b(f"{author_id}\n{client_id}".encode(), digest_size=16).hexdigest()


def name_to_row(room_id: str, key: str, seq: int) -> dict[str, Any]:
    """The entity of the name that `key` stands for."""
    return {"PartitionKey": room_id, "RowKey": key, "seq": int64(seq)}


def head_to_row(head: Head) -> dict[str, Any]:
    """The entity of a head."""
    return {
        "PartitionKey": head.room_id,
        "RowKey": HEAD_KEY,
        "name": head.name,
        "kind": head.kind,
        "created_by": head.created_by,
        "created_at": rfc3339(head.created_at),
        "last_seq": int64(head.last_seq),
        "message_count": int64(head.message_count),
        "access_seq": int64(head.access_seq),
        "ring": head.ring,
    }


_head: TypeAdapter[Head] = TypeAdapter(Head)


def head_from_row(row: dict[str, Any]) -> Head:
    """The head of an entity."""
    numbers = {name: number(row[name]) for name in ("last_seq", "message_count", "access_seq")}
    return _head.validate_python({**row, **numbers, "room_id": row["PartitionKey"]})


def member_to_row(room_id: str, member: Member) -> dict[str, Any]:
    """The entity of a member."""
    values = member.model_dump(mode="json")
    return {
        "PartitionKey": room_id,
        "RowKey": member_key(member.user_id),
        **values,
        "seq": int64(member.seq),
    }


def member_from_row(row: dict[str, Any]) -> Member:
    """The member of an entity."""
    return Member.model_validate({**row, "seq": number(row["seq"])})


def segment_to_row(segment: Segment) -> dict[str, Any]:
    """The entity of a segment; its JSON is cut into properties of 64 KiB."""
    content = encode(segment.entries)
    chunks = range(0, len(content), _CHUNK_BYTES)
    return {
        "PartitionKey": segment.room_id,
        "RowKey": segment_key(segment.first_seq),
        "commit_id": segment.commit_id,
        **{f"entries{n:02d}": content[at : at + _CHUNK_BYTES] for n, at in enumerate(chunks)},
    }


def segment_from_row(row: dict[str, Any]) -> Segment:
    """The segment of an entity."""
    chunks = sorted(name for name in row if name.startswith("entries"))
    content = b"".join(row[name] for name in chunks)
    return Segment(row["PartitionKey"], row["commit_id"], _entries.validate_json(content))


def encode(entries: list[LogEntry]) -> bytes:
    """Entries as they are stored."""
    return _entries.dump_json(entries)

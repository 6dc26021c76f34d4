"""What is read from a room's partition: its head, a member, one segment, pages of its log.

Invariant: a page is found by seq alone, never by a time stamp, and costs one query whatever the room's
length (more only when a page's worth of entries does not fit one answer of the store).
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceNotFoundError

from functions.chat.models import LogEntry, Member, Message
from functions.chat.store import rows
from functions.chat.store.head import Head
from functions.chat.store.tables import ROOMS, chat_table
from shared_code.storage import find, number

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.core.async_paging import AsyncItemPaged
    from azure.data.tables import TableEntity


async def read_head(room_id: str) -> tuple[Head, str] | None:
    """The head and its ETag, or None. One round trip."""
    row = await find(chat_table(ROOMS), room_id, rows.HEAD_KEY)
    return (rows.head_from_row(row), str(row.metadata["etag"])) if row else None


async def read_last_seq(room_id: str) -> int:
    """Where the room's log ends; 0 when there is no such room. One round trip, without the ring."""
    try:
        row = await chat_table(ROOMS).get_entity(room_id, rows.HEAD_KEY, select=["last_seq"])
    except ResourceNotFoundError:
        return 0
    return number(row["last_seq"])


async def read_member(room_id: str, user_id: str) -> Member | None:
    """The member row, or None. One round trip."""
    row = await find(chat_table(ROOMS), room_id, rows.member_key(user_id))
    return rows.member_from_row(row) if row else None


async def read_name(room_id: str, key: str) -> int | None:
    """The seq of the requested message of the name that `key` stands for, or None. One round trip."""
    row = await find(chat_table(ROOMS), room_id, key)
    return number(row["seq"]) if row else None


async def read_segment(room_id: str, first_seq: int) -> rows.Segment | None:
    """The segment whose first entry has `first_seq`, or None. One round trip."""
    row = await find(chat_table(ROOMS), room_id, rows.segment_key(first_seq))
    return rows.segment_from_row(row) if row else None


async def read_entry(room_id: str, seq: int) -> LogEntry | None:
    """The entry of `seq`, or None beyond the end of the log. One round trip."""
    async for segment in _segments(room_id, rows.segment_key(seq), page=1):
        return next((entry for entry in segment.entries if entry.seq == seq), None)
    return None


async def read_messages(room_id: str, before: int | None, limit: int) -> list[Message]:
    """The newest `limit` messages before the seq `before`, newest first. One query."""
    start = rows.FIRST_SEGMENT_KEY if before is None else rows.segment_key(before - 1)
    found: list[Message] = []
    async for segment in _segments(room_id, start, page=limit):
        found.extend(
            Message.model_validate(entry.data)
            for entry in reversed(segment.entries)
            if entry.type == "message.sent" and (before is None or entry.seq < before)
        )
        if len(found) >= limit:
            break
    return found[:limit]


async def read_log(room_id: str, after: int, limit: int) -> list[LogEntry]:
    """The `limit` entries after the seq `after`, oldest first. One query.

    Rows sort newest first, so the range starts at the newest wanted entry and is read down to `after`.
    """
    found: list[LogEntry] = []
    async for segment in _segments(room_id, rows.segment_key(after + limit), page=limit):
        found.extend(entry for entry in reversed(segment.entries) if entry.seq > after)
        if segment.first_seq <= after + 1:
            break
    found.reverse()
    return found[:limit]


async def find_entries(room_id: str, after: int, up_to: int) -> AsyncIterator[LogEntry]:
    """The entries with `after` < seq ≤ `up_to`, newest first; as many queries as pages of 100 segments."""
    async for segment in _segments(room_id, rows.segment_key(up_to), page=100):
        for entry in reversed(segment.entries):
            if after < entry.seq <= up_to:
                yield entry
        if segment.first_seq <= after + 1:
            return


async def _segments(room_id: str, start: str, page: int) -> AsyncIterator[rows.Segment]:
    """Segments from the key `start` on, older and older, `page` of them for each query."""
    found: AsyncItemPaged[TableEntity] = chat_table(ROOMS).query_entities(
        "PartitionKey eq @room and RowKey ge @start and RowKey lt @end",
        parameters=_parameters(room=room_id, start=start, end=rows.AFTER_SEGMENTS_KEY),
        results_per_page=page,
    )
    async for row in found:
        yield rows.segment_from_row(row)


def _parameters(**values: str) -> dict[str, Any]:
    return values

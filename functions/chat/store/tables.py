"""The tables of chat, and the setting that connects to them.

Invariant: no other service reads these tables, and no request creates one.
"""

from typing import TYPE_CHECKING

from shared_code.messaging import SETTING as MESSAGING_STORAGE
from shared_code.messaging import SUBSCRIPTIONS
from shared_code.storage import create_queues, create_tables, reach_table, table

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables.aio import TableClient

SETTING = "CHAT_STORAGE"
ROOMS = "chatrooms"
"""One partition for each room: head, segments, members (rows.py)."""

MY_ROOMS = "chatmyrooms"
"""One partition for each user: the rooms that the user is in, guarded by seq."""

KEYS = "chatkeys"
"""One partition for each user: the Idempotency-Keys of rooms made."""

_TABLES = (ROOMS, MY_ROOMS, KEYS)


def chat_table(name: str) -> "TableClient":
    """One of chat's tables."""
    return table(SETTING, name)


async def provision() -> None:
    """Make chat's tables, and the queues of those who hear its events."""
    await create_tables(SETTING, *_TABLES)
    await create_queues(MESSAGING_STORAGE, *(each.queue for each in SUBSCRIPTIONS))


async def reach() -> None:
    """Raise unless the log's table answers. One round trip."""
    await reach_table(SETTING, ROOMS)

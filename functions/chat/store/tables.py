"""The tables of chat, and the setting that connects to them.

Invariant: no other service reads these tables, and no request creates one.
"""

from functools import cache
from typing import TYPE_CHECKING

from shared_code.outbox import Cursors, Ledger
from shared_code.storage import create_tables, reach_table, table

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables.aio import TableClient

SETTING = "CHAT_STORAGE"
ROOMS = "chatrooms"
"""One partition for each room: head, segments, members (rows.py), and the cursor of what is told."""

MY_ROOMS = "chatmyrooms"
"""One partition for each user: the rooms that the user is in, guarded by seq."""

KEYS = "chatkeys"
"""One partition for each user: the Idempotency-Keys of rooms made."""

ACTIVITY = "chatactivity"
"""The activity ledger: rooms that may have entries which are not told (shared_code/outbox)."""

SESSIONS = "chatsessions"
"""Which requested messages wait for one before them (shared_code/messaging/waiting.py)."""

_TABLES = (ROOMS, MY_ROOMS, KEYS, ACTIVITY, SESSIONS)


def chat_table(name: str) -> "TableClient":
    """One of chat's tables."""
    return table(SETTING, name)


def activity() -> "TableClient":
    """The table of the activity ledger."""
    return chat_table(ACTIVITY)


@cache
def ledger() -> Ledger:
    """The activity ledger of rooms, one per process."""
    return Ledger(activity)


@cache
def cursors() -> Cursors:
    """The rooms' cursors, one set per process."""
    return Cursors(lambda: chat_table(ROOMS))


async def provision() -> None:
    """Make chat's tables."""
    await create_tables(SETTING, *_TABLES)


async def reach() -> None:
    """Raise unless the log's table answers. One round trip."""
    await reach_table(SETTING, ROOMS)

"""The access log of each item: who was given its content, and with whom it was shared.

Invariant: an entry is written before what it tells of is given, and never changed; it goes with its item.
"""

from functions.files.models import AccessEntry
from functions.files.store.tables import ACCESS, SETTING
from shared_code.partition import Partition
from shared_code.records import entry_row, read_entries
from shared_code.storage import table


async def note_access(item_id: str, entry: AccessEntry) -> None:
    """Write an entry. One round trip."""
    row = {"PartitionKey": item_id, "RowKey": entry_row(entry.id)}
    await table(SETTING, ACCESS).create_entity({**row, "value": entry.model_dump_json()})


async def read_access(item_id: str, after: str | None, limit: int) -> list[AccessEntry]:
    """Up to `limit` entries older than the id `after`, newest first. One query."""
    return await read_entries(AccessEntry, _log(item_id), after, limit)


async def erase_access(item_id: str) -> None:
    """Delete an item's log. A query for each 1,000 entries, and a call for each 100."""
    await _log(item_id).erase()


def _log(item_id: str) -> Partition:
    return Partition(SETTING, ACCESS, item_id)

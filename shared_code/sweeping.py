"""Deletes the rows of a table that count no more, for timers.

Invariant: a run ends after a minute, whatever there is to do; a row that is used in the same moment stays.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from shared_code.storage import unchanged

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables import TableEntity
    from azure.data.tables.aio import TableClient

_SWEEP_SECONDS = 60.0
_DELETES_AT_ONCE = 16


async def sweep(rows: "TableClient", which: str) -> int:
    """Delete the rows that the filter `which` finds; how many they were.

    One round trip for 1,000 rows, and one for each that goes. Raises AzureError.
    """
    started, swept = time.monotonic(), 0
    at_once = asyncio.Semaphore(_DELETES_AT_ONCE)
    over = rows.query_entities(which, select=["PartitionKey", "RowKey"])
    async for page in over.by_page():
        swept += sum(await asyncio.gather(*[_delete(rows, at_once, row) async for row in page]))
        if time.monotonic() - started > _SWEEP_SECONDS:
            break
    return swept


async def _delete(rows: "TableClient", at_once: asyncio.Semaphore, row: "TableEntity") -> bool:
    condition: dict[str, Any] = unchanged(row)
    del condition["mode"]
    async with at_once:
        try:
            await rows.delete_entity(row["PartitionKey"], row["RowKey"], **condition)
        except (ResourceModifiedError, ResourceNotFoundError):
            return False
    return True

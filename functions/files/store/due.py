"""What is to be looked at when: one partition for each minute, so that a timer reads what is due.

Invariants: a row is written before the change that makes it needed, and removed once it needs nothing more;
it says where to look, and the drive says what is to be done: a row too many does no harm.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from functions.files.store.tables import DUE, SETTING
from shared_code.storage import table

type DueKind = Literal["upload", "check", "bin", "rejected"]


@dataclass(frozen=True)
class Due:
    """Something to look at."""

    slot: str
    kind: str
    drive_id: str
    item_id: str


def _slot(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M")


async def plan(at: datetime, kind: DueKind, drive_id: str, item_id: str) -> None:
    """Have an item looked at then. One round trip."""
    row = {"PartitionKey": _slot(at), "RowKey": f"{kind} {drive_id} {item_id}"}
    await table(SETTING, DUE).upsert_entity(row)


async def due(now: datetime) -> AsyncIterator[Due]:
    """All that was to be looked at before this minute, oldest first. A query for each 1,000."""
    rows = table(SETTING, DUE).query_entities(
        "PartitionKey lt @now", parameters={"now": _slot(now)}, select=["PartitionKey", "RowKey"]
    )
    async for row in rows:
        kind, drive_id, item_id = row["RowKey"].split(" ")
        yield Due(row["PartitionKey"], kind, drive_id, item_id)


async def done(looked_at: Due) -> None:
    """Remove the row. One round trip."""
    key = f"{looked_at.kind} {looked_at.drive_id} {looked_at.item_id}"
    await table(SETTING, DUE).delete_entity(looked_at.slot, key)

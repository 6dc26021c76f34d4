"""Where the sweep of orphans has got, and the versions of all drives for it.

Invariant: it goes on where it stopped; a run reads one page of each kind.
"""

from typing import NamedTuple, cast

from functions.files.models import Version
from functions.files.store.tables import DRIVES, DUE, SETTING
from shared_code.storage import find, table

_MARKS = "marks"


async def read_mark(name: str) -> str:
    """Where a walk has got; empty at the start. One round trip."""
    row = await find(table(SETTING, DUE), _MARKS, name)
    return str(row["at"]) if row else ""


async def write_mark(name: str, at: str) -> None:
    """Note where a walk has got. One round trip."""
    await table(SETTING, DUE).upsert_entity({"PartitionKey": _MARKS, "RowKey": name, "at": at})


class Marked(NamedTuple):
    """A version, its drive, and the mark to go on behind."""

    mark: str
    drive_id: str
    version: Version


async def versions_after(mark: str, limit: int) -> list[Marked]:
    """Versions of any drive behind a mark. One query."""
    drive, _, row_key = mark.partition(" ")
    rows = table(SETTING, DRIVES).query_entities(
        # The SDK finds a parameter only between spaces.
        "(PartitionKey gt @drive or (PartitionKey eq @drive and RowKey gt @row )) "
        "and RowKey ge @first and RowKey lt @end",
        parameters={"drive": drive, "row": row_key, "first": "v:", "end": "v;"},
        results_per_page=limit,
    )
    found: list[Marked] = []
    async for row in rows:
        version = Version.model_validate_json(row["value"])
        key = cast("str", row["PartitionKey"])
        found.append(Marked(f"{key} {row['RowKey']}", key, version))
        if len(found) == limit:
            break
    return found

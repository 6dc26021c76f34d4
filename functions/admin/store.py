"""The audit: one partition, newest first. Invariant: an entry is never removed, and only its end changes.

adminaudit    PK `audit`, RK the reversed id    who did what with which queue
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from functions.admin.models import AuditEntry
from shared_code.clock import rfc3339
from shared_code.ids import reversed_id
from shared_code.storage import create_tables, reach_table, table

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables.aio import TableClient

SETTING = "ADMIN_STORAGE"
AUDIT = "adminaudit"

_PARTITION = "audit"


def _audit() -> "TableClient":
    return table(SETTING, AUDIT)


async def provision() -> None:
    """Make the table."""
    await create_tables(SETTING, AUDIT)


async def reach() -> None:
    """Raise AzureError unless the table answers. One round trip."""
    await reach_table(SETTING, AUDIT)


async def put(entry: AuditEntry) -> None:
    """Write an entry, or its end. One round trip."""
    values = entry.model_dump(exclude={"id", "at"}, exclude_none=True)
    row = {"PartitionKey": _PARTITION, "RowKey": reversed_id(entry.id), "id": entry.id, **values}
    row["at"] = rfc3339(entry.at)
    row["number"] = None if entry.number is None else str(entry.number)
    await _audit().upsert_entity({name: value for name, value in row.items() if value is not None})


async def entries(after: str | None, limit: int) -> list[AuditEntry]:
    """Up to `limit` entries older than the id `after`, newest first. One query."""
    found: list[AuditEntry] = []
    rows = _audit().query_entities(
        "PartitionKey eq @partition and RowKey gt @after",
        parameters={"partition": _PARTITION, "after": reversed_id(after) if after else ""},
        results_per_page=limit,
    )
    async for row in rows:
        found.append(_entry(row))
        if len(found) == limit:
            break
    return found


def _entry(row: dict[str, Any]) -> AuditEntry:
    number = row.get("number")
    return AuditEntry(
        id=row["id"],
        at=datetime.fromisoformat(row["at"]),
        actor=row["actor"],
        action=row["action"],
        queue=row.get("queue"),
        number=int(number) if number else None,
        event_id=row.get("event_id"),
        reason=row.get("reason"),
        outcome=row["outcome"],
        count=row.get("count"),
    )

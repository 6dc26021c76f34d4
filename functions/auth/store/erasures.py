"""When accounts are to be erased: one partition for each day, so that a timer reads what is due.

Invariant: the row is written before the account says when it is to be erased, and removed when the account
has gone, or was had back.
"""

from collections.abc import AsyncIterator
from datetime import datetime

from azure.core.exceptions import ResourceNotFoundError

from functions.auth.store.tables import ERASURES, SETTING
from shared_code.storage import table


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")


async def plan_erasure(user_id: str, at: datetime) -> None:
    """Note that the user is to be erased then. One round trip."""
    row = {"PartitionKey": _day(at), "RowKey": user_id}
    await table(SETTING, ERASURES).upsert_entity(row)


async def due_erasures(now: datetime) -> AsyncIterator[tuple[str, str]]:
    """Day and user id of all that may be due. One query for each 1,000."""
    rows = table(SETTING, ERASURES).query_entities(
        "PartitionKey le @today", parameters={"today": _day(now)}
    )
    async for row in rows:
        yield row["PartitionKey"], row["RowKey"]


async def forget_erasure(day: str, user_id: str) -> None:
    """Remove the note. One round trip."""
    try:
        await table(SETTING, ERASURES).delete_entity(day, user_id)
    except ResourceNotFoundError:
        return

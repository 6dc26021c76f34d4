"""The projection of who may hear what: one partition for each user, a row for each room or workspace.

And the queue of connections to look at again: work for this service alone, so it is a Storage queue of
its own account, and letting a connection in needs no bus.
Invariants: a row is written only by a later entry of the place's log (its `seq`), so events may come late,
twice or in any order; a row that ends access stays, as the memory of that seq.
"""

from typing import TYPE_CHECKING

from functions.realtime.models import Access
from shared_code import storage, work_queue
from shared_code.messaging import Event, EventData

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables.aio import TableClient

SETTING = "REALTIME_STORAGE"
ACCESS = "realtimeaccess"
RECONCILE = "realtime-reconcile"

_KEPT_SECONDS = 300  # a connection that was not looked at for so long has come up, or has gone


def _access() -> "TableClient":
    return storage.table(SETTING, ACCESS)


async def provision() -> None:
    """Make the table and the queue."""
    await storage.create_tables(SETTING, ACCESS)
    await storage.create_queues(SETTING, RECONCILE)


async def reach() -> None:
    """Raise unless the table answers. One round trip."""
    await storage.reach_table(SETTING, ACCESS)


async def look_later[Data: EventData](opened: Event[Data], seconds: int) -> None:
    """Have a connection looked at again after so many seconds. One round trip."""
    await work_queue.put(SETTING, RECONCILE, opened, seconds, _KEPT_SECONDS)


async def keep(access: Access) -> bool:
    """Keep the access unless a later entry has spoken; True when kept. Two round trips."""
    entity = {
        "PartitionKey": access.user_id,
        "RowKey": access.place_id,
        "allowed": access.allowed,
    }
    return await storage.put_newer(_access(), entity, access.seq)


async def may_hear(user_id: str, place_id: str) -> bool:
    """Whether the user may hear the place now. One round trip."""
    row = await storage.find(_access(), user_id, place_id)
    return row is not None and bool(row["allowed"])


async def places_of(user_id: str) -> list[str]:
    """The rooms and workspaces that the user may hear. One query."""
    found = _access().query_entities(
        "PartitionKey eq @user and allowed eq true", parameters={"user": user_id}, select="RowKey"
    )
    return [row["RowKey"] async for row in found]

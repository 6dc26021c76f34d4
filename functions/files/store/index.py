"""Where an item is, and what is shared with somebody.

Invariants: an item's drive is written before the item, and never changes, so a copy of it is good as long as
it is there; a share is written before the grant that it tells of, and removed after it, so what the list
shows is looked at again in the drive.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from functions.files.store.tables import INDEX, SETTING, SHARES
from shared_code.storage import find, table

_DRIVE = "drive"
_KEPT = 20_000
_drives: OrderedDict[str, str] = OrderedDict()


async def claim_drive(item_id: str, drive_id: str) -> bool:
    """Write in which drive an item is to be; False when another one has it. One round trip, or two."""
    row = {"PartitionKey": item_id, "RowKey": _DRIVE, "drive": drive_id}
    try:
        await table(SETTING, INDEX).create_entity(row)
    except ResourceExistsError:
        return await drive_with(item_id) == drive_id
    return True


async def drive_with(item_id: str) -> str | None:
    """The drive that an item is in, or None. One round trip, none for one that was asked for lately."""
    if known := _drives.get(item_id):
        _drives.move_to_end(item_id)
        return known
    row = await find(table(SETTING, INDEX), item_id, _DRIVE)
    if row is None:
        return None
    _drives[item_id] = drive_id = str(row["drive"])
    if len(_drives) > _KEPT:
        _drives.popitem(last=False)
    return drive_id


def forget_copy(item_id: str) -> None:
    """Ask the table the next time. No round trip."""
    _drives.pop(item_id, None)


async def forget_drive(item_id: str) -> None:
    """Remove the note. One round trip."""
    forget_copy(item_id)
    await table(SETTING, INDEX).delete_entity(item_id, _DRIVE)


async def note_share(subject_id: str, item_id: str) -> None:
    """Put an item into the list of what is shared with a user or a workspace. One round trip."""
    await table(SETTING, SHARES).upsert_entity({"PartitionKey": subject_id, "RowKey": item_id})


async def forget_share(subject_id: str, item_id: str) -> None:
    """Take an item out of that list. One round trip."""
    try:
        await table(SETTING, SHARES).delete_entity(subject_id, item_id)
    except ResourceNotFoundError:
        return


async def shared_with(subject_id: str, after: str = "") -> AsyncIterator[str]:
    """The items that are shared with a user or a workspace, by id, behind `after`. A query for 1,000."""
    rows = table(SETTING, SHARES).query_entities(
        "PartitionKey eq @subject and RowKey gt @after",
        parameters={"subject": subject_id, "after": after},
        select=["RowKey"],
    )
    async for row in rows:
        yield row["RowKey"]

"""What goes for good: an item, and below a folder all that is in it, step by step.

Invariants: an item's rows go in one transaction, and what they took of the quota comes back with it; what
pointed to it, its bytes, and what was in it follow by an event, which comes again until all is done.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from functions.files import store
from functions.files.commands.changing import blob_of, changed, counted, revised, tell
from functions.files.events import ItemPurged, item_purged
from functions.files.models import File, Folder, Item, Version
from functions.files.store import Change, DriveRecord
from shared_code.faults import fault_point
from shared_code.messaging import publish

_SECONDS = 60.0
"""What is not done by then is done by another event: a function may not run for ever."""
_TOGETHER = 50


def in_bin(item: Item) -> bool:
    """Whether an item may be purged by itself."""
    return item.trashed is not None


async def purge_item(drive_id: str, item_id: str, may_go: Callable[[Item], bool]) -> bool:
    """Remove an item for good, if it may go as it is then; False when it may not, or has gone.

    Round trips: 2 side by side, a query for a file, and 1 or 2.
    """

    async def attempt(record: DriveRecord) -> str | None:
        item = record.item(item_id)
        if item is None or not may_go(item):
            return "stays"
        versions = await store.add_versions(record, item_id) if isinstance(item, File) else []
        change = Change(record)
        _count(record, change, item, versions)
        change.remove(versions)
        store.remove_item(change, item)
        tell(change, "purged", revised(item))
        change.tell(item_purged(_purged(item, versions)))
        return "gone" if await change.commit() else None

    return await changed(drive_id, attempt, store.item_row(item_id)) == "gone"


def _purged(item: Item, versions: list[Version]) -> ItemPurged:
    quarantined = None
    if isinstance(item, File) and item.upload and item.upload.source is None:
        quarantined = blob_of(item, item.upload)
    return ItemPurged(
        drive_id=item.drive_id,
        item_id=item.item_id,
        blobs=[each.blob for each in versions],
        quarantined=quarantined,
        links=list(item.links),
        subjects=[each.subject_id for each in item.grants],
    )


def _count(record: DriveRecord, change: Change, item: Item, versions: list[Version]) -> None:
    if isinstance(item, Folder):
        counted(record, change, folders=-1)
        return
    size = sum(each.size for each in versions)
    if isinstance(item, File) and item.upload and item.upload.is_open:
        size += item.upload.size
    counted(record, change, used_bytes=-size, files=-1)


async def follow(event: ItemPurged) -> None:
    """Remove what is left of an item that was purged, for up to a minute; the rest by another event.

    Some calls for each blob, link and share, a query for each 50 items of a folder, and the cost of each.
    """
    fault_point("files.after_purge")
    try:
        async with asyncio.timeout(_SECONDS) as time:
            await store.remove(*event.blobs)
            if event.quarantined:
                await store.bury(event.quarantined)
            await unlinked(event.item_id, event.links, event.subjects)
            await store.forget_drive(event.item_id)
            await _purge_within(event.drive_id, event.item_id)
    except TimeoutError:
        if not time.expired():
            raise
        await publish(item_purged(event))


async def unlinked(item_id: str, links: list[str], subjects: list[str]) -> None:
    """Remove what points to an item: links, shares, its access log. Some calls, side by side."""
    await asyncio.gather(
        *(store.delete_link(each) for each in links),
        *(store.forget_share(each, item_id) for each in subjects),
        store.erase_access(item_id),
    )


async def _purge_within(drive_id: str, folder_id: str) -> None:
    """Purge what is in a folder that is gone. What was moved out of it meanwhile stays."""
    purged = True
    while purged and (names := await store.read_names(drive_id, folder_id, None, _TOGETHER)):
        purged = False
        for _, info in names:
            purged |= await purge_item(drive_id, info.id, partial(_is_in, folder_id))


def _is_in(folder_id: str, item: Item) -> bool:
    return item.folder_id == folder_id

"""The bin: what is put there can be had back, until its time is over.

Invariants: what is in the bin has no place and no name in its folder; what lies below a folder in the bin
stays below it, and is used by nobody. That its time will be over is noted before it is put there.
"""

from datetime import timedelta

from functions.files import policy, store
from functions.files.commands.changing import (
    changed,
    check_place,
    current,
    renewed,
    revised,
    rows_of_place,
    tell,
    under_free_name,
)
from functions.files.commands.finding import find
from functions.files.commands.purging import in_bin, purge_item
from functions.files.errors import InBin, NotInBin
from functions.files.models import Item, ItemInfo, Trash, Trashed, info_of
from functions.files.store import Change, DriveRecord
from shared_code.actor import Actor
from shared_code.clock import utcnow


async def put(actor: Actor, item_id: str, etag: str | None) -> None:
    """Put an item into the bin. As `find`, 1, 2 side by side, and 1 or 2.

    Raises as `find`, PreconditionFailed.
    """
    found = (await find(actor, item_id, "editor")).item
    now = utcnow()
    trashed = Trashed(at=now, by=actor.user_id, purge_at=now + timedelta(days=policy.bin_days()))
    await store.plan(trashed.purge_at, "bin", found.drive_id, item_id)

    async def attempt(record: DriveRecord) -> Item | None:
        before = current(record, found, etag)
        if before.trashed:
            raise InBin
        after = revised(before, trashed=trashed)
        change = Change(record)
        store.put_item(change, before, after)
        change.put(
            Trash(
                info=info_of(after),
                trashed_by=trashed.by,
                trashed_at=trashed.at,
                purge_at=trashed.purge_at,
            )
        )
        tell(change, "trashed", after)
        return after if await change.commit() else None

    await changed(found.drive_id, attempt, found.row_key)


async def restore(actor: Actor, item_id: str) -> ItemInfo:
    """Take an item out of the bin: to where it was, or to the top when that folder is in the bin or gone.

    Its name gets a number when it is taken there. As `find`, 4 side by side, and 1 or 2; more where its name
    is taken. Raises as `find`, NotInBin, NameTaken.
    """
    found = await find(actor, item_id, "editor", in_bin=True)
    item = found.item
    if item.trashed is None:
        raise NotInBin
    if not found.above or any(each.trashed for each in found.above):
        item = item.model_copy(update={"folder_id": None})
    restored = await under_free_name(
        item.name, lambda name: _placed(item.model_copy(update={"name": name}))
    )
    return info_of(restored)


async def _placed(goal: Item) -> Item:
    async def attempt(record: DriveRecord) -> Item | None:
        before = current(record, goal)
        if before.trashed is None:
            raise NotInBin
        after = renewed(before, trashed=None, name=goal.name, folder_id=goal.folder_id)
        check_place(record, after)
        change = Change(record)
        change.drop(store.trash_row(before.item_id, before.trashed.at))
        store.put_item(change, before, after)
        tell(change, "restored", after)
        return after if await change.commit() else None

    return await changed(goal.drive_id, attempt, goal.row_key, *rows_of_place(goal))


async def purge(actor: Actor, item_id: str) -> None:
    """Remove an item of the bin for good. As `find` and `purge_item`. Raises as `find`, NotInBin."""
    found = await find(actor, item_id, "manager", in_bin=True)
    if not found.item.trashed:
        raise NotInBin
    if not await purge_item(found.drive_id, item_id, in_bin):
        raise NotInBin

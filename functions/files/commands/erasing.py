"""Drives whose user or workspace is gone: they are erased, and what was shared with them is taken back.

Invariants: what was not done within a minute, or died half-way, is gone on with by an event that comes again;
every step leaves less to do; an item's row goes after what points to it, the drive's root last.
"""

import asyncio

from functions.files import store
from functions.files.commands.purging import unlinked
from functions.files.commands.sharing import forget_subject
from functions.files.events import WorkspaceChanged, drive_orphaned
from functions.files.models import Item
from shared_code.messaging import publish

_SECONDS = 60.0
_TOGETHER = 50


async def forget_account(user_id: str) -> None:
    """An account is being erased: have its drive erased. A query, some calls, and 1 to the bus."""
    await store.forget_member(user_id)
    await publish(drive_orphaned(user_id))


async def follow_workspace(event: WorkspaceChanged) -> None:
    """Keep who is in a workspace; have the drive of an erased one erased. Two round trips, or 1."""
    if event.user_id:
        await store.keep_member(event.user_id, event.workspace_id, event.role, event.seq)
    elif event.change == "erased":
        await publish(drive_orphaned(event.workspace_id))


async def erase(drive_id: str) -> None:
    """Erase a drive, for up to a minute; the rest by another event.

    Some calls for each item and each blob.
    """
    try:
        async with asyncio.timeout(_SECONDS) as time:
            await forget_subject(drive_id)
            await _forget_items(drive_id)
            await store.remove_drive(drive_id)
            await store.erase_drive(drive_id)
    except TimeoutError:
        if not time.expired():
            raise
        await publish(drive_orphaned(drive_id))


async def _forget_items(drive_id: str) -> None:
    batch: list[Item] = []
    async for item in store.items_of(drive_id):
        batch.append(item)
        if len(batch) == _TOGETHER:
            await _forget(drive_id, batch)
            batch = []
    await _forget(drive_id, batch)


async def _forget(drive_id: str, items: list[Item]) -> None:
    await asyncio.gather(*(_unlinked(each) for each in items))
    await asyncio.gather(*(store.forget_drive(each.item_id) for each in items))
    await store.erase_items(drive_id, items)


async def _unlinked(item: Item) -> None:
    await unlinked(item.item_id, list(item.links), [each.subject_id for each in item.grants])

"""Seeing items: one, those of a folder, those that a search finds, the bin, those shared with oneself.

Invariant: a list shows nothing that its reader could not find by id.
"""

import asyncio
import heapq
from collections.abc import Iterable

from functions.files import policy, store
from functions.files.commands.finding import find, locate, place_for
from functions.files.errors import FileNotFound
from functions.files.models import (
    AccessEntry,
    BinItem,
    DriveInfo,
    DriveQuery,
    ItemInfo,
    ListQuery,
    PageQuery,
    info_of,
)
from shared_code.actor import Actor
from shared_code.endpoint import Page, page_of


async def see(actor: Actor, item_id: str) -> ItemInfo:
    """A file or folder, in the bin or not. Costs and errors as `find`."""
    return info_of((await find(actor, item_id, "viewer", in_bin=True)).item)


async def listed(actor: Actor, query: ListQuery) -> Page[ItemInfo]:
    """A page of a folder or of the top of a drive, by name; or of what a search finds. As `place_for`, and 1.

    A search takes a read for each item found, and for each folder above those, side by side.
    """
    place = await place_for(actor, query.folder_id, query.workspace_id, "viewer")
    if query.search:
        return await _found(actor, place.drive_id, query)
    found = await store.read_names(place.drive_id, place.folder_id, query.cursor, query.limit + 1)
    page = page_of(found, query.limit, lambda each: each[0])
    return Page(items=[info for _, info in page.items], next=page.next)


async def _found(actor: Actor, drive_id: str, query: ListQuery) -> Page[ItemInfo]:
    """A page holds less than was asked for where a folder above is in the bin, or much was looked at."""
    hits = await store.search_names(drive_id, query.search or "", query.cursor, query.limit)
    return Page(items=await _seen(actor, hits.items), next=hits.next)


async def _seen(actor: Actor, item_ids: Iterable[str]) -> list[ItemInfo]:
    """The items of these that the caller may see, and that are not in the bin."""
    items = await asyncio.gather(*(_one(actor, each) for each in item_ids))
    return [each for each in items if each]


async def _one(actor: Actor, item_id: str) -> ItemInfo | None:
    try:
        found = await locate(item_id)
    except FileNotFound:  # a folder above it is just being purged
        return None
    if found is None or found.in_bin:
        return None
    right = policy.right_on(actor, found.drive_id, found.chain)
    return info_of(found.item) if right else None


async def shared(actor: Actor, query: PageQuery) -> Page[ItemInfo]:
    """A page of what is shared with the caller, or with a workspace that he is in, by id.

    A query for him and for each workspace, and the cost of finding each item, side by side. A page holds less
    than was asked for where something is not there any more, or not for his role.
    """
    subjects = (actor.user_id, *actor.workspaces)
    lists = await asyncio.gather(
        *(_shared_with(each, query.cursor or "", query.limit + 1) for each in subjects)
    )
    merged = list(dict.fromkeys(heapq.merge(*lists)))
    page = page_of(merged, query.limit, lambda each: each)
    return Page(items=await _seen(actor, page.items), next=page.next)


async def _shared_with(subject_id: str, after: str, limit: int) -> list[str]:
    found: list[str] = []
    async for item_id in store.shared_with(subject_id, after):
        found.append(item_id)
        if len(found) == limit:
            break
    return found


async def in_bin(actor: Actor, query: PageQuery, workspace_id: str | None) -> Page[BinItem]:
    """A page of a drive's bin, newest first. One query. Raises as `place_for`."""
    place = await place_for(actor, None, workspace_id)
    found = await store.read_bin(place.drive_id, query.cursor, query.limit + 1)
    page = page_of(found, query.limit, lambda each: each[0])
    items = [
        BinItem(item=each.info, trashed_by=each.trashed_by, purge_at=each.purge_at)
        for _, each in page.items
    ]
    return Page(items=items, next=page.next)


async def drive(actor: Actor, query: DriveQuery) -> DriveInfo:
    """How full a drive is. One round trip. Raises as `place_for`."""
    drive_id = policy.drive_of(actor, query.workspace_id)
    found = (await store.read_drive(drive_id)).drive
    return DriveInfo(**found.model_dump(), quota_bytes=policy.quota_of(drive_id))


async def accesses(actor: Actor, item_id: str, query: PageQuery) -> Page[AccessEntry]:
    """A page of an item's access log, newest first. As `find`, and a query."""
    await find(actor, item_id, "manager", in_bin=True)
    found = await store.read_access(item_id, query.cursor, query.limit + 1)
    return page_of(found, query.limit, lambda each: each.id)

"""Folders, and where things are: make, rename, move, copy.

Invariant: folders are a tree. What decides it (the folders above the new place) is read after the root that
the change holds, so two moves at once cannot make a ring.
"""

from functions.files import limits, policy, store
from functions.files.commands.changing import (
    changed,
    check_place,
    counted,
    current,
    renewed,
    rows_of_place,
    tell,
    under_free_name,
)
from functions.files.commands.finding import Place, above, find, place_for
from functions.files.commands.reading import version_of
from functions.files.commands.uploading import Beginning, begin
from functions.files.errors import DriveBusy, DriveFull, FileNotFound, FolderIntoItself
from functions.files.models import (
    Copied,
    File,
    FileCreated,
    Folder,
    Item,
    ItemChange,
    ItemInfo,
    NewFolder,
    NewVersion,
    info_of,
)
from functions.files.store import Change, DriveRecord
from shared_code import text
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.errors import IdempotencyKeyReused
from shared_code.ids import keyed_id

_MOST_LOOKS = 5


async def make_folder(actor: Actor, body: NewFolder, idempotency_key: str | None) -> ItemInfo:
    """Make a folder; a repeat with its key gives the same one.

    Round trips: those of `place_for`, 1, 3 or 4 side by side, and 1 or 2. Raises as `place_for`, NameTaken,
    DriveFull, IdempotencyKeyReused.
    """
    place = await place_for(actor, body.folder_id, body.workspace_id)
    if place.depth >= policy.MAX_DEPTH:
        raise DriveFull(f"Folders can be {policy.MAX_DEPTH} deep")
    now = utcnow()
    folder = Folder(
        drive_id=place.drive_id,
        item_id=keyed_id("fld", actor.user_id, idempotency_key),
        name=body.name,
        folder_id=place.folder_id,
        created_by=actor.user_id,
        created_at=now,
        updated_at=now,
        request=text.digest(body.model_dump_json()) if idempotency_key else "",
    )
    if not await store.claim_drive(folder.item_id, folder.drive_id):
        raise IdempotencyKeyReused

    async def attempt(record: DriveRecord) -> Folder | None:
        before = record.item(folder.item_id)
        if isinstance(before, Folder):
            if before.request != folder.request:  # without a key it is ours: its answer was lost
                raise IdempotencyKeyReused
            return before
        check_place(record, folder)
        change = Change(record)
        counted(record, change, folders=1)
        store.put_item(change, None, folder)
        tell(change, "created", folder)
        return folder if await change.commit() else None

    made = await changed(place.drive_id, attempt, folder.row_key, *rows_of_place(folder))
    return info_of(made)


class _Elsewhere(Exception):
    """The item is not where it was found, or is called something else: to be looked at anew."""


async def change_item(actor: Actor, item_id: str, body: ItemChange, etag: str | None) -> ItemInfo:
    """Rename an item, or move it within its drive.

    Round trips: those of `find` (twice when it moves), 2 to 4 side by side, 1 for each folder above the new
    place of a folder, and 1 or 2. Raises as `find`, NameTaken, FolderIntoItself, DriveFull, DriveBusy,
    PreconditionFailed; FileNotFound for a folder of another drive.
    """
    for _ in range(_MOST_LOOKS):
        found = (await find(actor, item_id, "editor")).item
        if "folder_id" in body.model_fields_set and body.folder_id != found.folder_id:
            await _check_target(actor, found, body.folder_id)
        try:
            return info_of(await _change(found, body, etag))
        except _Elsewhere:
            continue
    raise DriveBusy


async def _change(found: Item, body: ItemChange, etag: str | None) -> Item:
    moves = "folder_id" in body.model_fields_set
    folder_id = body.folder_id if moves else found.folder_id
    wanted = {"name": body.name or found.name, "folder_id": folder_id}

    async def attempt(record: DriveRecord) -> Item | None:
        before = current(record, found, etag)
        if (before.name, before.folder_id) != (found.name, found.folder_id):
            raise _Elsewhere
        after = renewed(before, **wanted)
        if after.name_key != before.name_key:
            check_place(record, after)
        if isinstance(after, Folder) and folder_id != before.folder_id:
            await _check_tree(after)
        change = Change(record)
        store.put_item(change, before, after)
        tell(change, "changed", after)
        return after if await change.commit() else None

    goal = found.model_copy(update=wanted)
    return await changed(found.drive_id, attempt, found.row_key, *rows_of_place(goal))


async def _check_target(actor: Actor, item: Item, folder_id: str | None) -> None:
    """Whether an item may go there: a folder, or the top, of its own drive."""
    if folder_id is None:
        policy.check(policy.right_in(actor, item.drive_id), "editor")
        return
    found = await find(actor, folder_id, "editor")
    if not isinstance(found.item, Folder) or found.drive_id != item.drive_id:
        raise FileNotFound("There is no such folder in the same drive")


async def _check_tree(folder: Folder) -> None:
    over = await above(folder.drive_id, folder.folder_id)
    if any(each.item_id == folder.item_id for each in over):
        raise FolderIntoItself
    if over and len(over) + await _height(folder) > policy.MAX_DEPTH:
        raise DriveFull(f"Folders can be {policy.MAX_DEPTH} deep")


async def _height(folder: Folder) -> int:
    """How many levels of folders it is, itself one of them. A query for each 1,000 of its drive."""
    within: dict[str | None, list[str]] = {}
    async for each in store.folders_of(folder.drive_id):
        within.setdefault(each.folder_id, []).append(each.item_id)
    height, level = 0, [folder.item_id]
    while level:
        height += 1
        level = [each for over in level for each in within.get(over, ())]
    return height


async def copy(
    actor: Actor, file_id: str, body: Copied, idempotency_key: str | None
) -> FileCreated:
    """Make a copy of a file's content as a file of its own: the store copies it, beside the request.

    Round trips: 1 for the limit, those of `find` and of `place_for`, and of `begin` for each name tried.
    Raises as `find` and `place_for`, ScanPending, FileRejected, QuotaExceeded, DriveFull,
    IdempotencyKeyReused; NameTaken for a name that was asked for.
    """
    await limits.before_upload(actor.user_id)
    found = (await find(actor, file_id, "viewer")).file
    version = await version_of(found)
    place = await _place_of_copy(actor, found, body)
    request = text.digest(f"{file_id} {body.model_dump_json()}") if idempotency_key else ""
    promised = NewVersion(
        size=version.size, sha256=version.sha256, content_type=version.content_type
    )
    copy_id = keyed_id("fil", f"{actor.user_id} copy", idempotency_key)

    async def begun(name: str) -> File:
        by = actor.user_id
        return await begin(Beginning(place, name, promised, by, copy_id, request, version))

    file = await (begun(body.name) if body.name else under_free_name(found.name, begun))
    return FileCreated(file=info_of(file), upload=None)


async def _place_of_copy(actor: Actor, file: File, body: Copied) -> Place:
    said = body.model_fields_set
    if "folder_id" in said or "workspace_id" in said:
        return await place_for(actor, body.folder_id, body.workspace_id)
    workspace_id = file.drive_id if file.drive_id.startswith("ws_") else None
    if file.folder_id is None and not workspace_id and file.drive_id != actor.user_id:
        return await place_for(actor, None, None)  # beside it is a drive that is another's
    return await place_for(actor, file.folder_id, workspace_id)

"""Files and folders over HTTP: see, list, make folders, rename, move."""

from functions.files.api import blueprint
from functions.files.commands import arranging, listing
from functions.files.errors import (
    DriveBusy,
    DriveFull,
    FileNotFound,
    FileRoleRequired,
    FolderIntoItself,
    InBin,
    NameTaken,
)
from functions.files.models import (
    AccessEntry,
    DriveInfo,
    DriveQuery,
    ItemChange,
    ItemId,
    ItemInfo,
    ListQuery,
    NewFolder,
    PageQuery,
)
from shared_code.actor import Actor
from shared_code.endpoint import IF_MATCH, Client, IdempotencyKey, Page, endpoint, if_match
from shared_code.errors import IdempotencyKeyReused, PreconditionFailed, WorkspaceNotFound

_FOUND = (FileNotFound, FileRoleRequired)


@endpoint(blueprint, "GET", "files", errors=(*_FOUND, WorkspaceNotFound, InBin))
async def files_list(actor: Actor, query: ListQuery) -> Page[ItemInfo]:
    """What is in a folder, or at the top of a drive, by name; or all of a drive that a search finds."""
    return await listing.listed(actor, query)


@endpoint(blueprint, "GET", "files/{item_id}", errors=_FOUND)
async def files_get(actor: Actor, item_id: ItemId) -> ItemInfo:
    """A file or a folder."""
    return await listing.see(actor, item_id)


@endpoint(
    blueprint,
    "PATCH",
    "files/{item_id}",
    errors=(
        *_FOUND,
        InBin,
        NameTaken,
        FolderIntoItself,
        DriveFull,
        DriveBusy,
        PreconditionFailed,
    ),
    headers=(IF_MATCH,),
)
async def files_change(actor: Actor, client: Client, item_id: ItemId, body: ItemChange) -> ItemInfo:
    """Rename a file or folder, or move it within its drive."""
    return await arranging.change_item(actor, item_id, body, if_match(client))


@endpoint(
    blueprint,
    "POST",
    "folders",
    status=201,
    errors=(
        *_FOUND,
        InBin,
        NameTaken,
        DriveFull,
        DriveBusy,
        WorkspaceNotFound,
        IdempotencyKeyReused,
    ),
)
async def folders_create(
    actor: Actor, body: NewFolder, idempotency_key: IdempotencyKey = None
) -> ItemInfo:
    """Make a folder."""
    return await arranging.make_folder(actor, body, idempotency_key)


@endpoint(blueprint, "GET", "drive", errors=(WorkspaceNotFound,))
async def drive_get(actor: Actor, query: DriveQuery) -> DriveInfo:
    """How much of its quota a drive uses."""
    return await listing.drive(actor, query)


@endpoint(blueprint, "GET", "files/{item_id}/accesses", errors=_FOUND)
async def files_accesses(actor: Actor, item_id: ItemId, query: PageQuery) -> Page[AccessEntry]:
    """Who was given a file's content, or access to it, newest first."""
    return await listing.accesses(actor, item_id, query)

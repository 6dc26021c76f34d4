"""The bin over HTTP."""

from functions.files.api import blueprint
from functions.files.commands import bin as bins
from functions.files.commands import listing
from functions.files.errors import (
    DriveBusy,
    FileNotFound,
    FileRoleRequired,
    InBin,
    NameTaken,
    NotInBin,
)
from functions.files.models import BinItem, BinQuery, ItemId, ItemInfo
from shared_code.actor import Actor
from shared_code.endpoint import IF_MATCH, Client, Page, endpoint, if_match
from shared_code.errors import PreconditionFailed, WorkspaceNotFound

_FOUND = (FileNotFound, FileRoleRequired, DriveBusy)


@endpoint(
    blueprint,
    "DELETE",
    "files/{item_id}",
    status=204,
    errors=(*_FOUND, InBin, PreconditionFailed),
    headers=(IF_MATCH,),
)
async def files_delete(actor: Actor, client: Client, item_id: ItemId) -> None:
    """Put a file, or a folder with all that is in it, into the bin."""
    await bins.put(actor, item_id, if_match(client))


@endpoint(blueprint, "GET", "bin", errors=(WorkspaceNotFound, FileRoleRequired))
async def bin_list(actor: Actor, query: BinQuery) -> Page[BinItem]:
    """What is in a drive's bin, newest first."""
    return await listing.in_bin(actor, query, query.workspace_id)


@endpoint(blueprint, "POST", "bin/{item_id}/restore", errors=(*_FOUND, NotInBin, InBin, NameTaken))
async def bin_restore(actor: Actor, item_id: ItemId) -> ItemInfo:
    """Take a file or folder out of the bin."""
    return await bins.restore(actor, item_id)


@endpoint(blueprint, "DELETE", "bin/{item_id}", status=204, errors=(*_FOUND, NotInBin))
async def bin_purge(actor: Actor, item_id: ItemId) -> None:
    """Remove what is in the bin for good."""
    await bins.purge(actor, item_id)

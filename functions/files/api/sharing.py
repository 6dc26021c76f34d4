"""Sharing over HTTP: with users and workspaces, and the links of an item."""

from functions.files.api import blueprint
from functions.files.commands import links, listing, sharing
from functions.files.errors import (
    DriveBusy,
    DriveFull,
    FileNotFound,
    FileRoleRequired,
    GrantNotFound,
    InBin,
    LinkNotFound,
)
from functions.files.models import (
    GrantChange,
    GrantInfo,
    Grants,
    ItemId,
    ItemInfo,
    LinkId,
    LinkInfo,
    Links,
    NewLink,
    PageQuery,
    SubjectId,
)
from shared_code.actor import Actor
from shared_code.endpoint import IdempotencyKey, Page, endpoint
from shared_code.errors import IdempotencyKeyReused, WorkspaceNotFound

_FOUND = (FileNotFound, FileRoleRequired, DriveBusy)


@endpoint(blueprint, "GET", "shared-files")
async def files_shared(actor: Actor, query: PageQuery) -> Page[ItemInfo]:
    """What others share with the caller, or with a workspace that he is in."""
    return await listing.shared(actor, query)


@endpoint(blueprint, "GET", "files/{item_id}/grants", errors=_FOUND)
async def files_grants(actor: Actor, item_id: ItemId) -> Grants:
    """With whom a file or folder is shared."""
    return await sharing.listed(actor, item_id)


@endpoint(
    blueprint,
    "PUT",
    "files/{item_id}/grants/{subject_id}",
    errors=(*_FOUND, InBin, DriveFull, WorkspaceNotFound),
)
async def files_grant(
    actor: Actor, item_id: ItemId, subject_id: SubjectId, body: GrantChange
) -> GrantInfo:
    """Share a file or folder with a user, or with a workspace; or change as what."""
    return await sharing.grant(actor, item_id, subject_id, body)


@endpoint(
    blueprint,
    "DELETE",
    "files/{item_id}/grants/{subject_id}",
    status=204,
    errors=(*_FOUND, GrantNotFound),
)
async def files_revoke_grant(actor: Actor, item_id: ItemId, subject_id: SubjectId) -> None:
    """Share it no more. Who it was shared with may do that too."""
    await sharing.revoke(actor, item_id, subject_id)


@endpoint(
    blueprint,
    "POST",
    "files/{item_id}/links",
    status=201,
    errors=(*_FOUND, InBin, DriveFull, IdempotencyKeyReused),
)
async def files_make_link(
    actor: Actor, item_id: ItemId, body: NewLink, idempotency_key: IdempotencyKey = None
) -> LinkInfo:
    """Make a link that opens a file or folder to whoever has it, or lets them put files into a folder."""
    return await links.make(actor, item_id, body, idempotency_key)


@endpoint(blueprint, "GET", "files/{item_id}/links", errors=_FOUND)
async def files_links(actor: Actor, item_id: ItemId) -> Links:
    """The links of a file or folder."""
    return await links.listed(actor, item_id)


@endpoint(
    blueprint,
    "DELETE",
    "files/{item_id}/links/{link_id}",
    status=204,
    errors=(*_FOUND, LinkNotFound),
)
async def files_revoke_link(actor: Actor, item_id: ItemId, link_id: LinkId) -> None:
    """End a link: no new address is given by it."""
    await links.revoke(actor, item_id, link_id)

"""Where an item is, and what the caller may do with it.

Invariants: nobody learns that an item exists that he may not see; what is in the bin, or below a folder in
it, is not used.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace

from functions.files import policy, store
from functions.files.errors import FileNotFound, InBin
from functions.files.models import File, Folder, Item
from functions.files.policy import Right
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.errors import WorkspaceTokenRequired

_TOO_DEEP = 10 * policy.MAX_DEPTH
"""A folder that is moved takes along what is below it, whose depth nobody counts."""


@dataclass(frozen=True)
class Found:
    """An item, the folders above it (the nearest first), and the caller's right on it."""

    item: Item
    above: tuple[Folder, ...]
    right: Right | None = None

    @property
    def drive_id(self) -> str:
        """The drive that it is in."""
        return self.item.drive_id

    @property
    def chain(self) -> tuple[Item, ...]:
        """Itself, and all above it."""
        return (self.item, *self.above)

    @property
    def in_bin(self) -> bool:
        """Whether it, or a folder above it, is in the bin."""
        return any(each.trashed for each in self.chain)

    @property
    def file(self) -> File:
        """The item as the file that it is. Raises FileNotFound for a folder."""
        if isinstance(self.item, File):
            return self.item
        raise FileNotFound


@dataclass(frozen=True)
class Place:
    """Where something is to be put. `depth` counts the folders above it."""

    drive_id: str
    folder_id: str | None
    depth: int


async def locate(item_id: str) -> Found | None:
    """An item, whoever asks; None when there is none.

    Round trips: 1 for its drive if that was not asked for lately, 1, and 1 for each folder above it.
    """
    drive_id = await store.drive_with(item_id)
    item = await store.read_item(drive_id, item_id) if drive_id else None
    if item is None:
        store.forget_copy(item_id)  # it was purged, and may be made again elsewhere under its key
        return None
    try:
        return Found(item, await above(item.drive_id, item.folder_id))
    except FileNotFound:
        if item.trashed is None:
            raise
        return Found(item, ())  # it was put into the bin by itself, before its folder was purged


async def above(drive_id: str, folder_id: str | None) -> tuple[Folder, ...]:
    """The folders from this one up. One round trip for each. Raises FileNotFound when one is gone."""
    found: list[Folder] = []
    while folder_id:
        folder = await store.read_item(drive_id, folder_id)
        if not isinstance(folder, Folder) or len(found) > _TOO_DEEP:
            raise FileNotFound
        found.append(folder)
        folder_id = folder.folder_id
    return tuple(found)


async def find(actor: Actor, item_id: str, least: Right, *, in_bin: bool = False) -> Found:
    """An item that the caller has at least this right on. Costs as `locate`.

    Raises FileNotFound, FileRoleRequired, WorkspaceTokenRequired; InBin unless that is what is asked for.
    """
    found = await locate(item_id)
    if found is None:
        raise FileNotFound
    right = policy.right_on(actor, found.drive_id, found.chain)
    if right is None and actor.workspaces_capped and found.drive_id.startswith("ws_"):
        raise WorkspaceTokenRequired
    policy.check(right, least)
    if found.in_bin and not in_bin:
        raise InBin
    return replace(found, right=right)


async def known_actor(user_id: str, drive_id: str, chain: Iterable[Item]) -> Actor:
    """A user who does not ask himself, with his roles in the workspaces that count here.

    One round trip for each of these, side by side: the drive's, and those with which it is shared. Events
    tell of them, so he has his rights some moments longer than by a token.
    """
    granted = {each.subject_id for item in chain for each in item.grants}
    workspaces = sorted(each for each in {drive_id, *granted} if each.startswith("ws_"))
    roles = await asyncio.gather(*(store.role_of(user_id, each) for each in workspaces))
    held = {each: role for each, role in zip(workspaces, roles, strict=True) if role}
    return Actor(user_id, "", utcnow(), workspaces=held)


async def place_for(
    actor: Actor, folder_id: str | None, workspace_id: str | None, least: Right = "editor"
) -> Place:
    """A folder, or the top of a drive, that the caller has this right on. Costs as `find`.

    Raises as `find`, WorkspaceNotFound; FileNotFound when the folder is not in the workspace's drive.
    """
    if folder_id is None:
        drive_id = policy.drive_of(actor, workspace_id)
        policy.check(policy.right_in(actor, drive_id), least)
        return Place(drive_id, None, 0)
    found = await find(actor, folder_id, least)
    if not isinstance(found.item, Folder) or workspace_id not in {None, found.drive_id}:
        raise FileNotFound
    return Place(found.drive_id, folder_id, len(found.chain))

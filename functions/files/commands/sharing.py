"""Sharing with users and with workspaces.

Invariants: what is shared with somebody stands in his list before the grant is written, and goes from it
after the grant has gone; a folder's grants hold for all below it.
"""

from collections.abc import Callable
from contextlib import suppress

from functions.files import limits, policy, store
from functions.files.commands.changing import changed, current, revised, tell
from functions.files.commands.finding import find
from functions.files.commands.reading import note
from functions.files.errors import DriveFull, FileNotFound, GrantNotFound
from functions.files.models import Grant, GrantChange, GrantInfo, Grants, Item
from functions.files.store import Change, DriveRecord
from shared_code.actor import Actor
from shared_code.clock import utcnow


async def listed(actor: Actor, item_id: str) -> Grants:
    """With whom an item is shared, not counting the folders above it. Costs and errors as `find`."""
    found = await find(actor, item_id, "manager", in_bin=True)
    return Grants(items=[_info(each) for each in found.item.grants])


def _info(grant: Grant) -> GrantInfo:
    return GrantInfo(**grant.model_dump())


async def grant(actor: Actor, item_id: str, subject_id: str, body: GrantChange) -> GrantInfo:
    """Share an item with a user or a workspace, or change as what.

    As `find`, 1 for the limit, 2, 2 side by side, and 1 or 2. Raises as `find`, DriveFull, TooManyRequests;
    WorkspaceNotFound for a workspace that the caller is not in.
    """
    found = (await find(actor, item_id, "manager")).item
    is_workspace = subject_id.startswith("ws_")
    if is_workspace:
        policy.drive_of(actor, subject_id)
    given = Grant(
        subject_id=subject_id,
        role=body.role,
        least_role=body.least_role if is_workspace else None,
        granted_by=actor.user_id,
        granted_at=utcnow(),
    )
    await limits.before_share(actor.user_id)
    await store.note_share(subject_id, item_id)
    await note(item_id, "shared", actor.user_id, subject_id=subject_id, role=body.role)

    def after(grants: tuple[Grant, ...]) -> tuple[Grant, ...]:
        if len(grants) >= policy.MAX_GRANTS:
            raise DriveFull(f"An item can be shared with {policy.MAX_GRANTS} at most")
        return (*grants, given)

    await _regranted(found, subject_id, after)
    return _info(given)


async def revoke(actor: Actor, item_id: str, subject_id: str) -> None:
    """Share an item no more with somebody; who it was shared with can do that himself.

    As `find`, 2 side by side, 1 or 2, and 2. Raises as `find`, GrantNotFound.
    """
    least: policy.Right = "viewer" if subject_id == actor.user_id else "manager"
    found = (await find(actor, item_id, least, in_bin=True)).item
    if all(each.subject_id != subject_id for each in found.grants):
        raise GrantNotFound
    await _regranted(found, subject_id, lambda grants: grants)
    await store.forget_share(subject_id, item_id)
    await note(item_id, "unshared", actor.user_id, subject_id=subject_id)


async def forget_subject(subject_id: str) -> None:
    """Take back all that is shared with a user or a workspace that is erased. Some calls for each item."""
    async for item_id in store.shared_with(subject_id):
        drive_id = await store.drive_with(item_id)
        item = await store.read_item(drive_id, item_id) if drive_id else None
        if item and any(each.subject_id == subject_id for each in item.grants):
            with suppress(FileNotFound):  # it has just been purged
                await _regranted(item, subject_id, lambda grants: grants)
        await store.forget_share(subject_id, item_id)


async def _regranted(
    item: Item, subject_id: str, after: Callable[[tuple[Grant, ...]], tuple[Grant, ...]]
) -> None:
    """Write an item's grants anew: those of others, and what `after` makes of them."""

    async def attempt(record: DriveRecord) -> Item | None:
        before = current(record, item)
        others = tuple(each for each in before.grants if each.subject_id != subject_id)
        shared = revised(before, grants=after(others))
        change = Change(record)
        store.put_item(change, before, shared)
        tell(change, "changed", shared)
        return shared if await change.commit() else None

    await changed(item.drive_id, attempt, item.row_key)

"""Workspaces that were deleted go in steps; and whoever is erased leaves his.

Invariants: what died half-way is done again by the event that comes again; the root goes last, after every
service has been told. A workspace whose only owner is erased passes to the highest and oldest of the others,
or is deleted when there are none.
"""

import asyncio
from typing import Literal

from functions.auth import revoking, store
from functions.auth.commands.following import follow
from functions.auth.commands.members import gone
from functions.auth.commands.workspaces import (
    membership_of,
    noted,
    row_of,
    tell_change,
    tell_member,
)
from functions.auth.events import WorkspaceChanged, workspace_changed
from functions.auth.models import Member, Membership
from functions.auth.store import Change, WorkspaceRecord
from shared_code.clock import utcnow
from shared_code.errors import NotFound
from shared_code.messaging import publish
from shared_code.records import retried
from shared_code.roles import ROLES

_AT_ONCE = 40
"""Members that leave in one transaction: two rows each, and the root."""


async def followed(event: WorkspaceChanged) -> None:
    """Do what an event of a workspace asks of auth itself: repair a member's list, or go on erasing."""
    if event.change == "deleted":
        await revoking.revoke(workspaces=[event.workspace_id])
        await _erase(event.workspace_id)
    elif event.user_id and event.joined_at:
        is_there = await store.read_workspace(event.workspace_id) is not None
        membership = Membership(
            workspace_id=event.workspace_id,
            role=event.role,
            seq=event.seq,
            joined_at=event.joined_at,
        )
        await follow(event.user_id, membership, revokes=is_there)


async def _erase(workspace_id: str) -> None:
    record = await store.read_workspace(workspace_id, with_deleted=True)
    while record and record.workspace.deleted_at:
        await store.add_members(record, _AT_ONCE)
        if not record.members:
            # Until the last had left, his session could still get tokens for it.
            await revoking.revoke(workspaces=[workspace_id])
            await _tell_erased(record)
            await store.erase_workspace(workspace_id)
            return
        await _empty(record)
        record = await store.read_workspace(workspace_id, with_deleted=True)


async def _empty(record: WorkspaceRecord) -> None:
    """Let the members that were read leave; what loses a race is read again by the caller."""
    root, change = record.workspace, Change(record)
    left: list[Member] = []
    for member in record.members:
        last = member.model_copy(update={"seq": root.seq + len(left) + 1})
        tell_member(change, root, last, "member_left", None)
        left.append(last)
    change.remove(record.members)
    numbers = {"seq": root.seq + len(left), "members": root.members - len(left)}
    change.put(root.model_copy(update=numbers))
    if await change.commit():
        await asyncio.gather(*(_follow_end(record.key, each) for each in left))


async def _follow_end(workspace_id: str, last: Member) -> None:
    await follow(last.user_id, membership_of(workspace_id, last, None), revokes=False)


async def _tell_erased(record: WorkspaceRecord) -> None:
    root = record.workspace
    data = WorkspaceChanged(
        workspace_id=root.workspace_id, seq=root.seq + 1, change="erased", at=utcnow()
    )
    await publish(workspace_changed(data))


async def leave_all(user_id: str, memberships: list[Membership]) -> None:
    """Take a user who is being erased out of all his workspaces. Some round trips for each."""
    for membership in memberships:
        if membership.role:
            await _leave(user_id, membership.workspace_id)


async def _leave(user_id: str, workspace_id: str) -> None:
    async def read() -> WorkspaceRecord:
        found = await store.read_workspace(workspace_id, row_of(user_id))
        if found is None:
            raise NotFound
        return found

    async def attempt(record: WorkspaceRecord) -> Literal[True] | None:
        whom = record.member(user_id)
        if whom is None:
            return True
        if whom.role == "owner" and record.workspace.owners <= 1:
            if record.workspace.members <= 1:
                return await _delete(record)
            await _make_heir(record, user_id)
            return None
        return True if await gone(record, whom, None, "member.left") else None

    try:
        await retried(read, attempt)
    except NotFound:
        return


async def _delete(record: WorkspaceRecord) -> Literal[True] | None:
    before = record.workspace
    root = before.model_copy(update={"deleted_at": utcnow(), "seq": before.seq + 1})
    change = Change(record)
    change.put(root)
    change.note(noted("workspace.deleted", None))
    tell_change(change, root, "deleted", None)
    return True if await change.commit() else None


async def _make_heir(record: WorkspaceRecord, user_id: str) -> None:
    """Make the highest, oldest other member an owner; a lost race is tried again by the caller."""
    await store.add_members(record, record.workspace.members)
    others = [each for each in record.members if each.user_id != user_id]
    heir = max(others, key=lambda each: (ROLES.index(each.role), -each.joined_at.timestamp()))
    before = record.workspace
    root = before.model_copy(update={"seq": before.seq + 1, "owners": before.owners + 1})
    owner: Member = heir.model_copy(update={"role": "owner", "seq": root.seq})
    change = Change(record)
    change.put(root)
    change.put(owner)
    change.note(noted("ownership.transferred", None, heir.user_id))
    tell_member(change, root, owner, "member_role_changed", None)
    if await change.commit():
        await follow(owner.user_id, membership_of(record.key, owner, "owner"))

"""Members of a workspace: seeing them, letting in, changing roles, removing, leaving, handing over.

Invariants: there is always an owner; nobody gives himself more than he has; whoever loses a role or the
workspace has no token that claims it when the command returns (following.py).
"""

from collections.abc import Callable

from functions.auth import workspace_policy
from functions.auth.commands.following import follow
from functions.auth.commands.workspaces import (
    in_workspace,
    info_of,
    membership_of,
    noted,
    row_of,
    tell_member,
)
from functions.auth.errors import AlreadyMember, NoSuchMember
from functions.auth.models import (
    Member,
    MemberInfo,
    Workspace,
    WorkspaceAuditType,
    WorkspaceInfo,
)
from functions.auth.store import Change, WorkspaceRecord
from shared_code.clock import utcnow
from shared_code.roles import InWorkspace, WorkspaceRole


def seen(member: Member) -> MemberInfo:
    """A member as others see him."""
    return MemberInfo(user_id=member.user_id, role=member.role, joined_at=member.joined_at)


def _admitted(
    record: WorkspaceRecord, user_id: str, role: WorkspaceRole
) -> tuple[Workspace, Member]:
    """The root and the member's row when he has come in. Raises AlreadyMember, WorkspaceFull."""
    if record.member(user_id):
        raise AlreadyMember
    before = record.workspace
    workspace_policy.check_room(before)
    root = before.model_copy(update={"seq": before.seq + 1, "members": before.members + 1})
    return root, Member(user_id=user_id, role=role, joined_at=utcnow(), seq=root.seq)


async def admit(
    record: WorkspaceRecord,
    user_id: str,
    role: WorkspaceRole,
    finish: Callable[[Change], None],
    **details: str,
) -> WorkspaceInfo | None:
    """Let a user in; `finish` puts what is used up by it into the same change. None in a lost race.

    Two round trips, and those of `follow`. Raises AlreadyMember, WorkspaceFull.
    """
    root, member = _admitted(record, user_id, role)
    change = Change(record)
    change.put(root)
    change.put(member)
    finish(change)
    change.note(noted("member.joined", user_id, user_id, role=role, **details))
    tell_member(change, root, member, "member_joined", user_id)
    if not await change.commit():
        return None
    await follow(user_id, membership_of(root.workspace_id, member, role))
    return info_of(root, member)


async def change_role(caller: InWorkspace, user_id: str, role: WorkspaceRole) -> MemberInfo:
    """Give a member another role. Six to eight round trips.

    Raises NoSuchMember, RoleRequired, LastOwner.
    """

    async def attempt(record: WorkspaceRecord, by: Member) -> Member | None:
        whom = _found(record, user_id)
        workspace_policy.check_change(by, whom, role)
        workspace_policy.check_owner_stays(record.workspace, whom, role)
        if whom.role == role:
            return whom
        return await _changed_role(record, by, whom, role)

    member = await in_workspace(caller, attempt, row_of(user_id))
    await follow(user_id, membership_of(caller.workspace_id, member, member.role))
    return seen(member)


def _found(record: WorkspaceRecord, user_id: str) -> Member:
    member = record.member(user_id)
    if member is None:
        raise NoSuchMember
    return member


async def _changed_role(
    record: WorkspaceRecord, by: Member, whom: Member, role: WorkspaceRole
) -> Member | None:
    before = record.workspace
    owners = before.owners + (role == "owner") - (whom.role == "owner")
    root = before.model_copy(update={"seq": before.seq + 1, "owners": owners})
    member = whom.model_copy(update={"role": role, "seq": root.seq})
    change = Change(record)
    change.put(root)
    change.put(member)
    change.hold(by.row_key)
    change.note(noted("member.role_changed", by.user_id, whom.user_id, before=whom.role, role=role))
    tell_member(change, root, member, "member_role_changed", by.user_id)
    return member if await change.commit() else None


async def remove(caller: InWorkspace, user_id: str) -> None:
    """Remove a member, or leave. Six to eight round trips. Raises NoSuchMember, RoleRequired, LastOwner."""

    async def attempt(record: WorkspaceRecord, by: Member) -> Member | None:
        whom = _found(record, user_id)
        workspace_policy.check_change(by, whom, None)
        workspace_policy.check_owner_stays(record.workspace, whom, None)
        left: WorkspaceAuditType = "member.left" if by.user_id == user_id else "member.removed"
        return await gone(record, whom, by, left)

    member = await in_workspace(caller, attempt, row_of(user_id))
    await follow(user_id, membership_of(caller.workspace_id, member, None))


async def gone(
    record: WorkspaceRecord, whom: Member, by: Member | None, noted_as: WorkspaceAuditType
) -> Member | None:
    """Take a member out; he as he was last. None in a lost race."""
    before, by_id = record.workspace, by.user_id if by else None
    root = before.model_copy(
        update={
            "seq": before.seq + 1,
            "members": before.members - 1,
            "owners": before.owners - (whom.role == "owner"),
        }
    )
    last = whom.model_copy(update={"seq": root.seq})
    change = Change(record)
    change.put(root)
    if by and by.user_id != whom.user_id:
        change.hold(by.row_key)
    change.remove([whom])
    change.note(noted(noted_as, by_id, whom.user_id))
    tell_member(change, root, last, "member_left", by_id)
    return last if await change.commit() else None


async def transfer(caller: InWorkspace, user_id: str) -> None:
    """Make a member owner instead of the caller, who is an admin then. Eight to ten round trips.

    Raises NoSuchMember. Handing over to oneself changes nothing.
    """

    async def attempt(record: WorkspaceRecord, by: Member) -> tuple[Member, ...] | None:
        heir = _found(record, user_id)
        if heir.user_id == by.user_id:
            return ()
        return await _transferred(record, by, heir)

    for member in await in_workspace(caller, attempt, row_of(user_id)):
        await follow(member.user_id, membership_of(caller.workspace_id, member, member.role))


async def _transferred(
    record: WorkspaceRecord, by: Member, heir: Member
) -> tuple[Member, Member] | None:
    before = record.workspace
    owners = before.owners - (heir.role == "owner")
    root = before.model_copy(update={"seq": before.seq + 2, "owners": owners})
    owner = heir.model_copy(update={"role": "owner", "seq": before.seq + 1})
    admin = by.model_copy(update={"role": "admin", "seq": root.seq})
    change = Change(record)
    for row in (root, owner, admin):
        change.put(row)
    change.note(noted("ownership.transferred", by.user_id, heir.user_id))
    tell_member(change, root, owner, "member_role_changed", by.user_id)
    tell_member(change, root, admin, "member_role_changed", by.user_id)
    return (owner, admin) if await change.commit() else None

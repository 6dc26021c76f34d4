"""Who is in which workspace, as auth's events have said: for rights of users who do not ask themselves.

Who asks brings a token. But a link opens what its maker manages, and a file in a chat is shown by its author:
their rights are looked up here. Invariant: a row is written by a later change of the workspace only (`seq`),
so events may come late, twice or in any order.
"""

from typing import cast

from functions.files.store.tables import MEMBERS, SETTING
from shared_code.roles import WorkspaceRole
from shared_code.storage import find, put_newer, table


async def keep_member(
    user_id: str, workspace_id: str, role: WorkspaceRole | None, seq: int
) -> None:
    """Keep what became of a member, unless a later change has spoken. Two round trips."""
    row = {"PartitionKey": user_id, "RowKey": workspace_id, "role": role or ""}
    await put_newer(table(SETTING, MEMBERS), row, seq)


async def role_of(user_id: str, workspace_id: str) -> WorkspaceRole | None:
    """The role of a user in a workspace, or None. One round trip."""
    row = await find(table(SETTING, MEMBERS), user_id, workspace_id)
    return cast("WorkspaceRole", row["role"]) if row and row["role"] else None


async def forget_member(user_id: str) -> None:
    """Remove all that is kept of a user. A query, and a call for each."""
    members = table(SETTING, MEMBERS)
    rows = members.query_entities("PartitionKey eq @user", parameters={"user": user_id})
    async for row in rows:
        await members.delete_entity(row)

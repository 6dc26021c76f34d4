"""A workspace's partition: all that is kept of it.

| RowKey | |
|---|---|
| `workspace` | the root: name, numbers of owners and members |
| `m:<user id>` | a member |
| `i:<invitation id>`, `l:<link id>` | invitations and join links that are open |
| `a:<reversed id>` | the audit log, newest first |
| `out:<event id>` | an event that may not have been told (shared_code/outbox) |

Invariant: a command reads the root and the rows that it needs, not all members; what it decides by is held
when it writes.
"""

import asyncio
from typing import Any, ClassVar, cast

from functions.auth.models import Invitation, JoinLink, Member, Workspace, WorkspaceEntry
from functions.auth.store.tables import SETTING, WORKSPACES
from shared_code.partition import Partition
from shared_code.records import Record, Stored, read_entries

_KINDS: tuple[type[Stored], ...] = (Workspace, Member, Invitation, JoinLink)


class WorkspaceRecord(Record):
    """What was read of a workspace."""

    ROOT: ClassVar[str] = Workspace.PREFIX

    @property
    def partition(self) -> Partition:
        """The workspace's partition."""
        return _partition(self.key)

    @property
    def workspace(self) -> Workspace:
        """The root."""
        return cast("Workspace", self.rows[Workspace.PREFIX])

    def member(self, user_id: str) -> Member | None:
        """A member whose row was read."""
        return cast("Member | None", self.rows.get(f"{Member.PREFIX}{user_id}"))

    @property
    def members(self) -> list[Member]:
        """The members whose rows were read."""
        return [each for each in self.rows.values() if isinstance(each, Member)]


async def read_workspace(
    workspace_id: str, *row_keys: str, with_deleted: bool = False
) -> WorkspaceRecord | None:
    """The root and these rows, as far as they exist; None without a root, or when it is deleted.

    As many round trips as rows, side by side.
    """
    record, partition = WorkspaceRecord(workspace_id), _partition(workspace_id)
    keys = dict.fromkeys((Workspace.PREFIX, *row_keys))  # each once
    found = await asyncio.gather(*(partition.find(key) for key in keys))
    for row in filter(None, found):
        _take(record, row)
    if Workspace.PREFIX not in record.rows:
        return None
    return record if with_deleted or record.workspace.deleted_at is None else None


def _take(record: WorkspaceRecord, row: Any) -> None:
    kind = next(each for each in _KINDS if row["RowKey"].startswith(each.PREFIX))
    record.add(row, kind)


async def add_members(record: WorkspaceRecord, limit: int) -> None:
    """Read up to so many members into the record, by user id. One query."""
    count = 0
    async for row in record.partition.rows(Member.PREFIX, "m;", limit):
        _take(record, row)
        count += 1
        if count == limit:
            break


async def read_rows[Kind: Stored](
    kind: type[Kind], workspace_id: str, after: str | None, limit: int
) -> list[Kind]:
    """Up to `limit` members, invitations or join links behind the id `after`, by id. One query."""
    start, end = f"{kind.PREFIX}{after or ''}", kind.PREFIX.replace(":", ";")
    found: list[Kind] = []
    async for row in _partition(workspace_id).rows(start, end, limit + 1):
        if row["RowKey"] > start:
            found.append(kind.model_validate_json(row["value"]))
        if len(found) == limit:
            break
    return found


async def read_workspace_audit(
    workspace_id: str, after: str | None, limit: int
) -> list[WorkspaceEntry]:
    """Up to `limit` entries older than the id `after`, newest first. One query."""
    return await read_entries(WorkspaceEntry, _partition(workspace_id), after, limit)


async def erase_workspace(workspace_id: str) -> None:
    """Delete everything in the partition, the root last. A query, and a call for each 100 rows."""
    await _partition(workspace_id).erase(last=Workspace.PREFIX)


def _partition(workspace_id: str) -> Partition:
    return Partition(SETTING, WORKSPACES, workspace_id)

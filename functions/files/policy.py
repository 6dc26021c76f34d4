"""Who may do what with files, and the limits.

| right | on | may |
|---|---|---|
| viewer | a file or folder, and all below it | see, list, download |
| editor | | also upload, rename, move, put into the bin |
| manager | | also share, make links, purge, read the access log |

A right comes from the drive (the user himself: manager; a workspace's guests: viewer, members: editor, admins
and owners: manager; whoever made a file in a workspace and is a member manages that), or from a grant on the
item or on a folder above it (viewer, editor). Invariant: the highest counts, and nothing else gives one.
"""

from collections.abc import Sequence
from typing import Literal

from functions.files.errors import FileNotFound, FileRoleRequired, FileTooLarge
from functions.files.models import File, Grant, Item
from shared_code.actor import Actor
from shared_code.errors import WorkspaceNotFound, WorkspaceTokenRequired
from shared_code.roles import WorkspaceRole, is_at_least
from shared_code.settings import whole_number_setting

type Right = Literal["viewer", "editor", "manager"]
_RIGHTS: tuple[Right, ...] = ("viewer", "editor", "manager")
_BY_ROLE: dict[WorkspaceRole, Right] = {
    "guest": "viewer",
    "member": "editor",
    "admin": "manager",
    "owner": "manager",
}

MIB = 1024 * 1024
GIB = 1024 * MIB
BLOCK_SIZE = 8 * MIB
"""What clients are told to cut a large file into: 50,000 blocks are what a blob holds."""

READ_SECONDS = 60
"""How long an address for reading holds (issue)."""
UPLOAD_DAYS = 1
"""An upload that was begun can be gone on with for so long; then its part of the quota is given back."""
DROP_HOURS = 1
"""As UPLOAD_DAYS, for strangers: they hold somebody else's quota."""
CHECK_MINUTES = 15
"""An upload that is still being checked after so long is given to the check once more."""
REJECTED_DAYS = 7
"""What was rejected can be asked about for so long."""

MAX_FILES = 1_000_000
MAX_FOLDERS = 100_000
MAX_DEPTH = 20
MAX_GRANTS = 100
MAX_LINKS = 20
_MOST = 2**50


def max_size() -> int:
    """The largest file, in bytes. clamd looks at 2 GiB at most (clamd.conf(5), MaxFileSize)."""
    return whole_number_setting("FILES_MAX_SIZE", 2000 * MIB, most=_MOST)


def quota_of(drive_id: str) -> int:
    """What a drive may hold, in bytes."""
    if drive_id.startswith("ws_"):
        return whole_number_setting("FILES_WORKSPACE_QUOTA", 100 * GIB, most=_MOST)
    return whole_number_setting("FILES_USER_QUOTA", 10 * GIB, most=_MOST)


def max_versions() -> int:
    """How many versions of a file are kept, the current one included; at least one, at most 50."""
    return max(1, whole_number_setting("FILES_VERSIONS", 20, most=50))


def bin_days() -> int:
    """How long the bin keeps what is in it."""
    return whole_number_setting("FILES_BIN_DAYS", 30, most=3650)


def upload_seconds() -> int:
    """How long an address for uploading holds."""
    return whole_number_setting("FILES_UPLOAD_SECONDS", 900, most=3600)


def check_size(size: int) -> None:
    """Raise FileTooLarge for more than this deployment takes."""
    if size > (most := max_size()):
        raise FileTooLarge(f"A file may have at most {most} bytes")


def is_enough(right: Right | None, least: Right) -> bool:
    """Whether a right includes another one."""
    return right is not None and _RIGHTS.index(right) >= _RIGHTS.index(least)


def drive_of(actor: Actor, workspace_id: str | None) -> str:
    """The drive that a request speaks of: a workspace's, or the caller's own.

    Raises WorkspaceNotFound, WorkspaceTokenRequired.
    """
    if workspace_id is None:
        return actor.user_id
    if workspace_id not in actor.workspaces:
        raise WorkspaceTokenRequired if actor.workspaces_capped else WorkspaceNotFound
    return workspace_id


def right_in(actor: Actor, drive_id: str) -> Right | None:
    """The right that a caller has in a drive as such."""
    if drive_id == actor.user_id:
        return "manager"
    role = actor.workspaces.get(drive_id)
    return _BY_ROLE.get(role) if role else None  # type: ignore[call-overload]  # the token checks roles


def right_on(actor: Actor, drive_id: str, chain: Sequence[Item]) -> Right | None:
    """The right that a caller has on the first of the chain; the others are the folders above it."""
    rights = [right_in(actor, drive_id)]
    if is_enough(rights[0], "editor") and _is_his_file(actor, chain[0]):
        rights.append("manager")
    rights += [each.role for item in chain for each in item.grants if _is_for(actor, each)]
    return max(filter(None, rights), key=_RIGHTS.index, default=None)


def _is_his_file(actor: Actor, item: Item) -> bool:
    """Of a folder this says nothing: in it is what others have made."""
    return isinstance(item, File) and item.created_by == actor.user_id


def _is_for(actor: Actor, grant: Grant) -> bool:
    if grant.subject_id == actor.user_id:
        return True
    role = actor.workspaces.get(grant.subject_id)
    return role is not None and is_at_least(role, grant.least_role or "guest")  # type: ignore[arg-type]  # as above


def check(right: Right | None, least: Right) -> None:
    """Raise FileNotFound for who may not even see it, FileRoleRequired for who may not do this."""
    if right is None:
        raise FileNotFound
    if not is_enough(right, least):
        raise FileRoleRequired

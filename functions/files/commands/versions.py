"""The versions of a file: see them, make an older one current again.

Invariant: a version's number and bytes never change; which one is current is said by the file.
"""

from functions.files import store
from functions.files.commands.changing import (
    changed,
    check_place,
    current,
    renewed,
    rows_of_place,
    tell,
)
from functions.files.commands.finding import find
from functions.files.errors import VersionNotFound
from functions.files.models import File, ItemInfo, Version, VersionInfo, info_of
from functions.files.store import Change, DriveRecord
from shared_code.actor import Actor
from shared_code.endpoint import Page


async def listed(actor: Actor, file_id: str) -> Page[VersionInfo]:
    """All versions that are kept of a file, newest first: one page. As `find`, and a query."""
    file = (await find(actor, file_id, "viewer", in_bin=True)).file
    versions = await store.read_versions(file.drive_id, file_id)
    return Page(items=[_info(file, each) for each in reversed(versions)])


def _info(file: File, version: Version) -> VersionInfo:
    shown = version.model_dump(include=set(VersionInfo.model_fields))
    is_current = file.content is not None and file.content.number == version.number
    return VersionInfo(**shown, is_current=is_current)


async def restore(actor: Actor, file_id: str, number: int, etag: str | None) -> ItemInfo:
    """Make an older version the current one; nothing is copied, and none is lost.

    As `find`, 4 or 5 side by side, and 1 or 2. Raises as `find`, VersionNotFound, PreconditionFailed,
    NameTaken.
    """
    found = (await find(actor, file_id, "editor")).file
    row_key = store.version_row(file_id, number)

    async def attempt(record: DriveRecord) -> File | None:
        before = current(record, found, etag)
        version = record.rows.get(row_key)
        if not isinstance(version, Version):
            raise VersionNotFound
        after = renewed(before, content=version)
        if not before.has_place:  # its bytes were lost, and its name may be another's by now
            check_place(record, after)
        change = Change(record)
        store.put_item(change, before, after)
        tell(change, "changed", after)
        return after if await change.commit() else None

    rows = (found.row_key, row_key, *rows_of_place(found))
    return info_of(await changed(found.drive_id, attempt, *rows))

"""What commands share: one change of a drive after the other, what it may hold, and who hears of it.

Invariant: of two changes of a drive at once one looks again (store/drives.py); those of one process wait for
each other, so that a hundred at once are a hundred transactions, not a thousand tries.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary

from functions.files import policy, store
from functions.files.errors import (
    DriveBusy,
    DriveFull,
    FileNotFound,
    InBin,
    NameTaken,
    QuotaExceeded,
)
from functions.files.events import Change as Kind
from functions.files.events import file_changed
from functions.files.models import Drive, File, Folder, Item, Upload, info_of
from functions.files.names import numbered
from functions.files.store import Change, DriveRecord
from shared_code.clock import utcnow
from shared_code.errors import Conflict, PreconditionFailed
from shared_code.records import retried

_MOST_NAMES = 20
_turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


async def changed[Result](
    drive_id: str, attempt: Callable[[DriveRecord], Awaitable[Result | None]], *row_keys: str
) -> Result:
    """What the attempt gives; it gives None when its change lost a race, and is made again then.

    A read of the root and of each row, side by side, for each attempt. Raises DriveBusy.
    """
    turn = _turns.setdefault(drive_id, asyncio.Lock())

    async def read() -> DriveRecord:
        return await store.read_drive(drive_id, *row_keys)

    async with turn:
        try:
            return await retried(read, attempt)
        except Conflict as error:
            if type(error) is Conflict:
                raise DriveBusy from error
            raise


def counted(record: DriveRecord, change: Change, **differences: int) -> None:
    """Count bytes, files or folders that come or go. Raises QuotaExceeded, DriveFull for what comes."""
    drive = record.drive
    numbers = {name: getattr(drive, name) + by for name, by in differences.items()}
    after: Drive = drive.model_copy(update=numbers)
    if differences.get("used_bytes", 0) > 0:
        quota = policy.quota_of(record.key)
        if after.used_bytes > quota:
            left = max(0, quota - drive.used_bytes)
            raise QuotaExceeded(f"{left} of {quota} bytes are left")
    grows = any(differences.get(each, 0) > 0 for each in ("files", "folders"))
    if grows and (after.files > policy.MAX_FILES or after.folders > policy.MAX_FOLDERS):
        raise DriveFull
    change.put(after)


def current[Kept: Item](record: DriveRecord, item: Kept, etag: str | None = None) -> Kept:
    """The item as it is now. Raises FileNotFound when it has gone, PreconditionFailed for another ETag."""
    found = record.item(item.item_id)
    if not isinstance(found, type(item)):
        raise FileNotFound
    if etag is not None and etag != str(found.revision):
        raise PreconditionFailed(f'It is at "{found.revision}" now')
    return found


def check_place(record: DriveRecord, item: Item) -> None:
    """Raise NameTaken, or FileNotFound or InBin for its folder; the rows must have been read."""
    if item.name_key in record.rows:
        raise NameTaken
    if item.folder_id is None:
        return
    folder = record.item(item.folder_id)
    if not isinstance(folder, Folder):
        raise FileNotFound
    if folder.trashed:
        raise InBin


async def under_free_name[Result](name: str, attempt: Callable[[str], Awaitable[Result]]) -> Result:
    """What the attempt gives under the name, or under the first one with a number that is not taken.

    Costs as the attempt, for each name. Raises NameTaken after some twenty.
    """
    for each in (name, *(numbered(name, n) for n in range(2, _MOST_NAMES))):
        with suppress(NameTaken):
            return await attempt(each)
    raise NameTaken


def rows_of_place(item: Item) -> list[str]:
    """The rows that `check_place` looks at."""
    return [item.name_key, *([store.item_row(item.folder_id)] if item.folder_id else [])]


def revised[Kept: Item](item: Kept, **changes: Any) -> Kept:
    """The item with changes, at its next revision."""
    return item.model_copy(update={"revision": item.revision + 1, **changes})


def renewed[Kept: Item](item: Kept, **changes: Any) -> Kept:
    """As `revised`, with the time of the change."""
    return revised(item, updated_at=utcnow(), **changes)


def tell(change: Change, kind: Kind, item: Item) -> None:
    """Publish what became of an item: to a workspace, or to the drive's owner and who uploads into it."""
    users = {item.drive_id}
    if isinstance(item, File) and item.upload:
        users.add(item.upload.started_by)
    elif kind == "available" and isinstance(item, File) and item.content:
        users.add(item.content.created_by)
    is_personal = item.drive_id.startswith("usr_")
    to = sorted(each for each in users if each.startswith("usr_")) if is_personal else []
    change.tell(file_changed(kind, info_of(item), to))


def blob_of(file: File, upload: Upload) -> str:
    """The blob of an upload."""
    return store.blob_of(file.drive_id, file.item_id, upload.upload_id)

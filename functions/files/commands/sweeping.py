"""What is due: uploads whose address has ended, what was rejected long ago, what was in the bin long enough.

Invariant: the drive says what is to be done, the note only where to look; what fails is looked at again the
next minute.
"""

import logging
import time
from datetime import timedelta

from functions.files import store
from functions.files.commands.changing import blob_of
from functions.files.commands.purging import purge_item
from functions.files.commands.settling import reject
from functions.files.commands.uploading import complete_as
from functions.files.events import upload_completed
from functions.files.models import File, Item, Upload
from functions.files.policy import CHECK_MINUTES
from functions.files.store import Due
from shared_code.clock import utcnow
from shared_code.messaging import publish

_SECONDS = 60.0
_log = logging.getLogger("atrium.files")


async def sweep_due() -> int:
    """Look at all that is due, for a minute at most; how many were settled. What fails stays due."""
    started, settled = time.monotonic(), 0
    async for each in store.due(utcnow()):
        try:
            await _look(each)
            await store.done(each)
            settled += 1
        except Exception as error:  # noqa: BLE001 - one file's trouble must not keep the others
            _log.warning("%s cannot be settled now", each.item_id, exc_info=error)
        if time.monotonic() - started > _SECONDS:
            break
    return settled


async def _look(due: Due) -> None:
    item = await store.read_item(due.drive_id, due.item_id)
    if item is None:
        if due.kind == "upload":  # its drive was noted, and then it was refused
            await store.forget_drive(due.item_id)
    elif due.kind == "bin":
        await purge_item(due.drive_id, due.item_id, _is_over)
    elif due.kind == "rejected":
        await purge_item(due.drive_id, due.item_id, _was_rejected)
    elif isinstance(item, File) and item.upload:
        await (_check_again if due.kind == "check" else _end)(item, item.upload)


def _is_over(item: Item) -> bool:
    return item.trashed is not None and item.trashed.purge_at <= utcnow()


def _was_rejected(item: Item) -> bool:
    return isinstance(item, File) and item.state == "rejected"


async def _check_again(file: File, upload: Upload) -> None:
    """Give an upload to the check once more whose message was lost, or died; reject it after a day."""
    if upload.state != "checking":
        return
    if utcnow() >= upload.last_at:
        await reject(file.drive_id, file.item_id, upload.upload_id, "check_failed")
        await store.bury(blob_of(file, upload))
        return
    again = utcnow() + timedelta(minutes=CHECK_MINUTES)
    await store.plan(again, "check", file.drive_id, file.item_id)
    await publish(upload_completed(file.drive_id, file.item_id, upload.upload_id))


async def _end(file: File, upload: Upload) -> None:
    """Complete an upload for who never does; give its room back when it can be gone on with no more.

    One whose address was renewed has a later note.
    """
    now = utcnow()
    if upload.state != "pending" or now < upload.expires_at:
        return
    blob = blob_of(file, upload)
    if now >= upload.last_at:
        reason = "upload_expired"
        if await reject(file.drive_id, file.item_id, upload.upload_id, reason, waits=True):
            await store.bury(blob)
    elif await store.uploaded(blob):
        await complete_as(file, upload.started_by)
    else:
        await store.plan(upload.last_at, "upload", file.drive_id, file.item_id)

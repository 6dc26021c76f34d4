"""Bytes without a row, and rows without bytes: both are looked for, a page at a time, round and round.

Invariant: what is young is let be, since its row or its bytes may be on their way; nothing that a row speaks
of is deleted.
"""

import logging
import time
from datetime import timedelta

from functions.files import store
from functions.files.commands.changing import blob_of, changed, counted, renewed, tell
from functions.files.models import File, Version
from functions.files.models.stored import Upload
from functions.files.policy import REJECTED_DAYS
from functions.files.store import CONTENT, QUARANTINE, Change, DriveRecord, Stored
from shared_code.clock import utcnow

_YOUNG = timedelta(hours=2)
"""Longer than any address for an upload holds, and than a check takes."""
_ROWS = 500
_MOST_LOST = 10
_SECONDS = 30.0
_log = logging.getLogger("atrium.files")


async def sweep_bytes() -> int:
    """Delete blobs that no row speaks of, and graves that are not needed any more; how many.

    For half a minute each container, a query for 1,000 blobs; two reads for each old blob at most, and a call
    or two for each that goes.
    """
    return await _swept(QUARANTINE) + await _swept(CONTENT)


async def _swept(container: str) -> int:
    started, gone = time.monotonic(), 0
    mark: str | None = await store.read_mark(container)
    while mark is not None and time.monotonic() - started < _SECONDS:
        found, mark = await store.listed(container, mark)
        for each in found:
            gone += await _remove_orphan(container, each)
        await store.write_mark(container, mark or "")
    return gone


async def _remove_orphan(container: str, blob: Stored) -> bool:
    if blob.changed_at >= utcnow() - _YOUNG or await _is_spoken_of(container, blob.name):
        return False
    await (store.dig_up if container == QUARANTINE else store.remove)(blob.name)
    return True


async def _is_spoken_of(container: str, name: str) -> bool:
    parts = name.split("/")
    if len(parts) != 3:  # noqa: PLR2004 - drive, file, upload
        return False
    store.forget_copy(parts[1])
    drive_id = await store.drive_with(parts[1])
    item = await store.read_item(drive_id, parts[1]) if drive_id else None
    if not isinstance(item, File) or not name.startswith(store.folder_of(item.drive_id)):
        return False
    upload = item.upload
    if upload and upload.is_open and name.startswith(blob_of(item, upload)):
        return True
    if container == QUARANTINE:
        return False
    versions = await store.read_versions(item.drive_id, item.item_id)
    return any(name.startswith(each.blob) for each in versions)


async def sweep_rows() -> int:
    """Look whether the bytes of some hundred versions are there, and take out those whose are lost; how many.

    One query, two calls for the mark, and one for each version. Where many are lost the store is to blame, or
    a setting: nothing is taken out then, and an error is logged each time.
    """
    found = await store.versions_after(await store.read_mark("versions"), _ROWS)
    old = [each for each in found if each.version.created_at < utcnow() - _YOUNG]
    lost = [each for each in old if not await store.exists(each.version.blob)]
    if len(lost) > _MOST_LOST:
        _log.error(
            "the bytes of %d of %d versions are not found: where is the store?", len(lost), len(old)
        )
        return 0
    count = 0
    for each in lost:
        count += await _lose(each.drive_id, each.version)
    await store.write_mark("versions", found[-1].mark if len(found) == _ROWS else "")
    return count


async def _lose(drive_id: str, version: Version) -> bool:
    """Take a version whose bytes are lost out of its file; the newest that is left becomes the current one.

    Six round trips.
    """
    until = utcnow() + timedelta(days=REJECTED_DAYS)
    await store.plan(until, "rejected", drive_id, version.file_id)

    async def attempt(record: DriveRecord) -> str | None:
        file = record.item(version.file_id)
        kept = await store.add_versions(record, version.file_id)
        if not isinstance(file, File) or version.row_key not in record.rows:
            return "gone"
        change = Change(record)
        counted(record, change, used_bytes=-version.size)
        change.drop(version.row_key)
        if file.content and file.content.number == version.number:
            left = [each for each in kept if each.number != version.number]
            content = left[-1] if left else None
            upload = file.upload or (None if content else _lost(version))
            after = renewed(file, content=content, upload=upload)
            store.put_item(change, file, after)
            tell(change, "changed" if content else "rejected", after)
        return "lost" if await change.commit() else None

    result = await changed(drive_id, attempt, store.item_row(version.file_id))
    if result == "lost":
        _log.error("the bytes of %s, version %d, are lost", version.file_id, version.number)
    return result == "lost"


def _lost(version: Version) -> Upload:
    """What is told of a file whose only content is lost."""
    told = version.model_dump(include={"size", "sha256", "content_type"})
    now = utcnow()
    return Upload(
        upload_id=version.blob.rpartition("/")[2],
        version=version.number,
        state="rejected",
        reason="content_lost",
        started_by=version.created_by,
        started_at=version.created_at,
        expires_at=now,
        last_at=now,
        **told,
    )

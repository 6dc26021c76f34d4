"""The end of an upload: it becomes a version of its file, or it is rejected.

Invariants: what it had of the quota is given back in the transaction that rejects it; of two that settle one
upload the second finds it settled, and changes nothing.
"""

from datetime import timedelta

from functions.files import policy, store
from functions.files.commands.changing import blob_of, changed, counted, renewed, revised, tell
from functions.files.models import File, Item, Upload, Version
from functions.files.store import Change, DriveRecord
from shared_code.clock import utcnow


def _upload(item: Item | None, upload_id: str) -> tuple[File, Upload] | None:
    """The file and its upload while that is open."""
    if not isinstance(item, File) or item.upload is None or not item.upload.is_open:
        return None
    return (item, item.upload) if item.upload.upload_id == upload_id else None


async def make_available(
    drive_id: str, file_id: str, upload_id: str, size: tuple[int, int] | None
) -> list[str] | None:
    """Make an accepted upload the current version; `size` are the pixels of an image.

    What it gives are the blobs of versions that are too many now, no more part of the drive; None when there
    is no such upload any more. Three to five round trips, two of them side by side.
    """

    async def attempt(record: DriveRecord) -> list[str] | tuple[()] | None:
        open_ = _upload(record.item(file_id), upload_id)
        if open_ is None:
            return ()
        file, upload = open_
        version = _version(file, upload, size)
        change = Change(record)
        over = await _too_many(record, file)
        counted(record, change, used_bytes=-sum(each.size for each in over))
        change.remove(over)
        change.put(version)
        after = renewed(file, content=version, upload=None)
        store.put_item(change, file, after)
        tell(change, "available", after)
        return [each.blob for each in over] if await change.commit() else None

    result = await changed(drive_id, attempt, store.item_row(file_id))
    return result if isinstance(result, list) else None


def _version(file: File, upload: Upload, size: tuple[int, int] | None) -> Version:
    width, height = size or (None, None)
    return Version(
        file_id=file.item_id,
        number=upload.version,
        blob=blob_of(file, upload),
        size=upload.size,
        sha256=upload.sha256,
        content_type=upload.content_type,
        created_by=upload.started_by,
        created_at=utcnow(),
        width=width,
        height=height,
    )


async def _too_many(record: DriveRecord, file: File) -> list[Version]:
    """The oldest versions that go when there is one more. One query when the file has any."""
    if file.content is None:
        return []
    kept = await store.add_versions(record, file.item_id)
    return kept[: max(0, len(kept) + 1 - policy.max_versions())]


async def reject(
    drive_id: str, file_id: str, upload_id: str, reason: str, *, waits: bool = False
) -> bool:
    """Reject an upload; False when there is no such upload any more. The bytes are the caller's to bury.

    With `waits` only one that was not completed meanwhile.

    Four or five round trips, two of them side by side.
    """
    until = utcnow() + timedelta(days=policy.REJECTED_DAYS)
    await store.plan(until, "rejected", drive_id, file_id)

    async def attempt(record: DriveRecord) -> str | None:
        open_ = _upload(record.item(file_id), upload_id)
        if open_ is None or (waits and open_[1].state != "pending"):
            return "gone"
        file, upload = open_
        rejected = upload.model_copy(update={"state": "rejected", "reason": reason, "source": None})
        after = revised(file, upload=rejected)
        change = Change(record)
        counted(record, change, used_bytes=-upload.size)
        store.put_item(change, file, after)
        tell(change, "rejected", after)
        return "rejected" if await change.commit() else None

    return await changed(drive_id, attempt, store.item_row(file_id)) == "rejected"

"""Uploads: begun with a part of the quota and an address, gone on with, completed or given up.

Invariants: a file's part of the quota is taken before anybody gets an address; one upload of a file at a
time; whoever began it completes it, and a sweep does for those who never do (sweeping.py).
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions.files import limits, policy, store
from functions.files.commands.changing import (
    blob_of,
    changed,
    check_place,
    counted,
    current,
    revised,
    rows_of_place,
    tell,
)
from functions.files.commands.finding import Place, find, place_for
from functions.files.commands.settling import reject
from functions.files.errors import (
    AlreadyCompleted,
    FileRejected,
    NotTheUploader,
    ScanPending,
    UploadInProgress,
    UploadMissing,
    UploadOver,
)
from functions.files.events import upload_completed
from functions.files.models import (
    BlockInfo,
    File,
    FileCreated,
    ItemInfo,
    NewFile,
    NewVersion,
    Resumed,
    Upload,
    UploadTarget,
    Version,
    info_of,
)
from functions.files.store import Change, DriveRecord
from shared_code import text
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.errors import IdempotencyKeyReused
from shared_code.ids import keyed_id, new_id


@dataclass(frozen=True)
class Beginning:
    """A new file: where, what is promised of it, by whom, and under which key and digest."""

    place: Place
    name: str
    promised: NewVersion
    by: str
    file_id: str
    request: str = ""
    source: Version | None = None


async def create(actor: Actor, body: NewFile, idempotency_key: str | None) -> FileCreated:
    """Make a file that waits for its content; a repeat with its key gives the same file.

    Round trips: 1 for the limit, those of `place_for`, 2 side by side, 3 side by side, and 1 (2 when the
    drive was not active in the last half minute). Raises as `place_for`, FileTooLarge, QuotaExceeded,
    NameTaken, DriveFull, IdempotencyKeyReused, TooManyRequests.
    """
    policy.check_size(body.size)
    await limits.before_upload(actor.user_id)
    place = await place_for(actor, body.folder_id, body.workspace_id)
    file = await begin(
        Beginning(
            place,
            body.name,
            body,
            actor.user_id,
            keyed_id("fil", actor.user_id, idempotency_key),
            text.digest(body.model_dump_json()) if idempotency_key else "",
        )
    )
    return FileCreated(file=info_of(file), upload=await target_of(file, actor.user_id, 1))


async def begin(beginning: Beginning) -> File:
    """Write a new file with its upload, or the one that is there under the same key.

    Six or seven round trips, as `create` says. Raises as `create`.
    """
    upload = _first_upload(beginning)
    file = _new_file(beginning, upload)
    is_free, _ = await asyncio.gather(
        store.claim_drive(file.item_id, file.drive_id), _plan(file, upload)
    )
    if not is_free:
        raise IdempotencyKeyReused

    async def attempt(record: DriveRecord) -> File | None:
        before = record.item(file.item_id)
        if isinstance(before, File):
            if before.request != file.request:  # without a key it is ours: its answer was lost
                raise IdempotencyKeyReused
            return before
        check_place(record, file)
        change = Change(record)
        counted(record, change, used_bytes=upload.size, files=1)
        store.put_item(change, None, file)
        tell(change, "created", file)
        if upload.state == "checking":
            change.tell(upload_completed(file.drive_id, file.item_id, upload.upload_id))
        return file if await change.commit() else None

    return await changed(file.drive_id, attempt, file.row_key, *rows_of_place(file))


async def _plan(file: File, upload: Upload) -> None:
    """Have an upload looked at when its address ends, or its check has taken too long. One round trip."""
    if upload.state == "checking":
        at = utcnow() + timedelta(minutes=policy.CHECK_MINUTES)
        await store.plan(at, "check", file.drive_id, file.item_id)
    else:
        await store.plan(upload.expires_at, "upload", file.drive_id, file.item_id)


def _first_upload(beginning: Beginning) -> Upload:
    upload = _new_upload(beginning.promised, beginning.by, 1, utcnow())
    if beginning.source:
        upload = upload.model_copy(update={"state": "checking", "source": beginning.source})
    return upload


def _new_file(beginning: Beginning, upload: Upload) -> File:
    return File(
        drive_id=beginning.place.drive_id,
        item_id=beginning.file_id,
        name=beginning.name,
        folder_id=beginning.place.folder_id,
        created_by=beginning.by,
        created_at=upload.started_at,
        updated_at=upload.started_at,
        request=beginning.request,
        upload=upload,
    )


def _new_upload(
    promised: NewVersion, by: str, version: int, now: datetime, upload_id: str | None = None
) -> Upload:
    return Upload(
        upload_id=upload_id or new_id("upl"),
        version=version,
        state="pending",
        size=promised.size,
        sha256=promised.sha256,
        content_type=promised.content_type,
        started_by=by,
        started_at=now,
        expires_at=now + timedelta(seconds=policy.upload_seconds()),
        last_at=now + _lasts(by),
    )


def _lasts(by: str) -> timedelta:
    if by.startswith("lnk_"):
        return timedelta(hours=policy.DROP_HOURS)
    return timedelta(days=policy.UPLOAD_DAYS)


async def target_of(file: File, by: str, version: int) -> UploadTarget | None:
    """The address for the upload of this version, if it waits and is his who asks; else None."""
    upload = file.upload
    if upload is None or upload.state != "pending":
        return None
    is_asked_for = upload.started_by == by and upload.version == version
    return await _target(file, upload) if is_asked_for else None


async def _target(file: File, upload: Upload) -> UploadTarget:
    return UploadTarget(
        url=await store.upload_url(blob_of(file, upload), upload.expires_at),
        headers={"x-ms-blob-type": "BlockBlob"},
        block_size=policy.BLOCK_SIZE,
        expires_at=upload.expires_at,
    )


async def create_version(
    actor: Actor, file_id: str, body: NewVersion, idempotency_key: str | None
) -> FileCreated:
    """Begin an upload of a new content of a file; what it has stays until the new one is accepted.

    Round trips: 1 for the limit, those of `find`, 1, 2 side by side, a query when there is a key, and 1 or 2.
    Raises as `find`, FileTooLarge, QuotaExceeded, UploadInProgress, ScanPending, FileRejected,
    IdempotencyKeyReused, TooManyRequests.
    """
    policy.check_size(body.size)
    await limits.before_upload(actor.user_id)
    found = (await find(actor, file_id, "editor")).file
    upload_id = keyed_id("upl", f"{actor.user_id} {file_id}", idempotency_key)
    now = utcnow()
    expires_at = now + timedelta(seconds=policy.upload_seconds())
    await store.plan(expires_at, "upload", found.drive_id, file_id)

    async def attempt(record: DriveRecord) -> File | None:
        file = current(record, found)
        if idempotency_key and await _has_begun(record, file, upload_id, body):
            return file
        _check_free(file)
        number = file.versions + 1
        upload = _new_upload(body, actor.user_id, number, now, upload_id)
        after = revised(file, upload=upload, versions=number)
        change = Change(record)
        counted(record, change, used_bytes=upload.size)
        store.put_item(change, file, after)
        tell(change, "changed", after)
        return after if await change.commit() else None

    file = await changed(found.drive_id, attempt, found.row_key)
    is_open = file.upload is not None and file.upload.upload_id == upload_id
    version = file.versions if is_open else 0
    target = await target_of(file, actor.user_id, version)
    return FileCreated(file=info_of(file), upload=target)


async def _has_begun(record: DriveRecord, file: File, upload_id: str, promised: NewVersion) -> bool:
    """Whether an upload was begun before. One query. Raises IdempotencyKeyReused for other promises."""
    versions = await store.add_versions(record, file.item_id)
    begun: list[Upload | Version] = [
        each for each in versions if each.blob.endswith(f"/{upload_id}")
    ]
    if file.upload and file.upload.upload_id == upload_id:
        begun.append(file.upload)
    wanted = (promised.size, promised.sha256, promised.content_type)
    if any((each.size, each.sha256, each.content_type) != wanted for each in begun):
        raise IdempotencyKeyReused
    return bool(begun)


def _check_free(file: File) -> None:
    if file.content is None:
        raise FileRejected if file.state == "rejected" else ScanPending
    if file.upload and file.upload.is_open:
        raise UploadInProgress


def open_upload(file: File, by: str | None) -> Upload:
    """The upload that a file waits for, if it is the caller's; anybody's without one.

    Raises NotTheUploader, AlreadyCompleted, UploadOver.
    """
    upload = file.upload
    if upload is None:
        raise AlreadyCompleted
    if by is not None and upload.started_by != by:
        raise NotTheUploader
    if upload.state == "checking":
        raise AlreadyCompleted
    if upload.state == "rejected" or utcnow() >= upload.last_at:
        raise UploadOver
    return upload


async def resume(actor: Actor, file_id: str) -> Resumed:
    """How far an upload has got, and a new address for the rest. Costs and errors as `resume_as`."""
    found = await find(actor, file_id, "editor")
    return await resume_as(found.file, actor.user_id)


async def resume_as(found: File, by: str) -> Resumed:
    """How far an upload has got, and a new address for the rest.

    Six round trips: 1, 2 side by side, 1, and 2 side by side. Raises as `open_upload`.
    """
    expires_at = utcnow() + timedelta(seconds=policy.upload_seconds())
    open_upload(found, by)
    await store.plan(expires_at, "upload", found.drive_id, found.item_id)

    async def attempt(record: DriveRecord) -> File | None:
        file = current(record, found)
        upload = open_upload(file, by)
        longer = upload.model_copy(update={"expires_at": min(expires_at, upload.last_at)})
        change = Change(record)
        after = revised(file, upload=longer)
        store.put_item(change, file, after)
        return after if await change.commit() else None

    file = await changed(found.drive_id, attempt, found.row_key)
    upload = open_upload(file, by)
    blob = blob_of(file, upload)
    target, blocks, there = await asyncio.gather(
        _target(file, upload), store.blocks(blob), store.uploaded(blob)
    )
    return Resumed(
        file=info_of(file),
        upload=target,
        blocks=[BlockInfo(id=each, size=size) for each, size in blocks],
        committed=there.size if there else None,
    )


async def complete(actor: Actor, file_id: str) -> ItemInfo:
    """Say that the bytes are there; they are checked next. Costs and errors as `complete_as`."""
    found = await find(actor, file_id, "editor")
    return await complete_as(found.file, actor.user_id)


async def complete_as(found: File, by: str) -> ItemInfo:
    """Say that the bytes are there; they are checked next.

    Five or six round trips, two of them side by side. Raises as `open_upload`, UploadMissing.
    """
    upload = open_upload(found, by)
    if await store.uploaded(blob_of(found, upload)) is None:
        raise UploadMissing
    last_at = utcnow() + timedelta(days=policy.UPLOAD_DAYS)
    begins = {"state": "checking", "last_at": last_at}
    await _plan(found, upload.model_copy(update=begins))

    async def attempt(record: DriveRecord) -> File | None:
        file = current(record, found)
        waiting = open_upload(file, by)
        after = revised(file, upload=waiting.model_copy(update=begins))
        change = Change(record)
        store.put_item(change, file, after)
        change.tell(upload_completed(file.drive_id, file.item_id, waiting.upload_id))
        tell(change, "checking", after)
        return after if await change.commit() else None

    return info_of(await changed(found.drive_id, attempt, found.row_key))


async def give_up(actor: Actor, file_id: str) -> None:
    """End an upload that waits; a file without content loses its place. As `find`, `reject`, `bury`.

    Whoever began it may, and who manages the file. Raises as `find` and `open_upload`.
    """
    found = await find(actor, file_id, "editor")
    file = found.file
    manages = policy.is_enough(found.right, "manager")
    upload = open_upload(file, None if manages else actor.user_id)
    if not await reject(found.drive_id, file_id, upload.upload_id, "cancelled", waits=True):
        raise AlreadyCompleted
    await store.bury(blob_of(file, upload))

"""Uploads, versions and downloads over HTTP."""

from functions.files.api import blueprint
from functions.files.commands import arranging, reading, uploading, versions
from functions.files.errors import (
    AlreadyCompleted,
    DriveBusy,
    DriveFull,
    FileNotFound,
    FileRejected,
    FileRoleRequired,
    FileTooLarge,
    InBin,
    NameTaken,
    NotTheUploader,
    QuotaExceeded,
    ScanPending,
    ThumbnailNotFound,
    UploadInProgress,
    UploadMissing,
    UploadOver,
    VersionNotFound,
)
from functions.files.models import (
    Copied,
    Download,
    DownloadQuery,
    FileCreated,
    FileId,
    ItemInfo,
    NewFile,
    NewVersion,
    Resumed,
    ThumbnailSize,
    TicketQuery,
    VersionInfo,
    VersionNumber,
)
from shared_code.actor import Actor
from shared_code.endpoint import IF_MATCH, Client, IdempotencyKey, Page, endpoint, if_match
from shared_code.errors import (
    IdempotencyKeyReused,
    PreconditionFailed,
    TooManyRequests,
    WorkspaceNotFound,
)
from shared_code.file_tickets import InvalidFileTicket

_FOUND = (FileNotFound, FileRoleRequired, InBin)
_ROOM = (QuotaExceeded, DriveFull, DriveBusy, FileTooLarge, TooManyRequests, IdempotencyKeyReused)
_UPLOAD = (*_FOUND, NotTheUploader, AlreadyCompleted, UploadOver, DriveBusy)
_CONTENT = (*_FOUND, ScanPending, FileRejected)


@endpoint(
    blueprint,
    "POST",
    "files",
    status=201,
    errors=(*_FOUND, *_ROOM, NameTaken, WorkspaceNotFound),
)
async def files_create(
    actor: Actor, body: NewFile, idempotency_key: IdempotencyKey = None
) -> FileCreated:
    """Begin a file: the quota is taken, and an address for its bytes given."""
    return await uploading.create(actor, body, idempotency_key)


@endpoint(blueprint, "GET", "files/{file_id}/upload", errors=_UPLOAD)
async def files_resume(actor: Actor, file_id: FileId) -> Resumed:
    """Which blocks of an upload are there, and a new address for the rest."""
    return await uploading.resume(actor, file_id)


@endpoint(blueprint, "DELETE", "files/{file_id}/upload", status=204, errors=_UPLOAD)
async def files_give_up(actor: Actor, file_id: FileId) -> None:
    """Give an upload up; a file that has no content goes with it."""
    await uploading.give_up(actor, file_id)


@endpoint(
    blueprint, "POST", "files/{file_id}/complete", status=202, errors=(*_UPLOAD, UploadMissing)
)
async def files_complete(actor: Actor, file_id: FileId) -> ItemInfo:
    """Say that all bytes are there. They are checked next; the verdict comes over realtime."""
    return await uploading.complete(actor, file_id)


@endpoint(
    blueprint,
    "POST",
    "files/{file_id}/versions",
    status=201,
    errors=(*_CONTENT, *_ROOM, UploadInProgress),
)
async def files_create_version(
    actor: Actor, file_id: FileId, body: NewVersion, idempotency_key: IdempotencyKey = None
) -> FileCreated:
    """Begin an upload of a new content; the old one stays, as a version."""
    return await uploading.create_version(actor, file_id, body, idempotency_key)


@endpoint(blueprint, "GET", "files/{file_id}/versions", errors=_FOUND)
async def files_versions(actor: Actor, file_id: FileId) -> Page[VersionInfo]:
    """The versions that are kept of a file, newest first."""
    return await versions.listed(actor, file_id)


@endpoint(
    blueprint,
    "POST",
    "files/{file_id}/versions/{number}/restore",
    errors=(*_FOUND, VersionNotFound, NameTaken, PreconditionFailed, DriveBusy),
    headers=(IF_MATCH,),
)
async def files_restore_version(
    actor: Actor, client: Client, file_id: FileId, number: VersionNumber
) -> ItemInfo:
    """Make an older version the current one."""
    return await versions.restore(actor, file_id, int(number), if_match(client))


@endpoint(
    blueprint, "POST", "files/{file_id}/copy", status=201, errors=(*_CONTENT, *_ROOM, NameTaken)
)
async def files_copy(
    actor: Actor, file_id: FileId, body: Copied, idempotency_key: IdempotencyKey = None
) -> FileCreated:
    """Copy a file. The copy is `checking` until the store has made it."""
    return await arranging.copy(actor, file_id, body, idempotency_key)


@endpoint(
    blueprint,
    "GET",
    "files/{file_id}/download",
    errors=(*_CONTENT, VersionNotFound, InvalidFileTicket),
)
async def files_download(actor: Actor, file_id: FileId, query: DownloadQuery) -> Download:
    """An address for a file's bytes, good for a minute."""
    return await reading.download(actor, file_id, query)


@endpoint(
    blueprint,
    "GET",
    "files/{file_id}/thumbnails/{size}",
    errors=(*_CONTENT, ThumbnailNotFound, InvalidFileTicket),
)
async def files_thumbnail(
    actor: Actor, file_id: FileId, size: ThumbnailSize, query: TicketQuery
) -> Download:
    """An address for a small image of an image, good for a minute."""
    return await reading.thumbnail(actor, file_id, int(size), query)

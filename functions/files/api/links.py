"""Links over HTTP, for those who have one; no account is needed.

Invariant: all are POST, since a link's token stands in no address, and so in no log.
"""

from functions.files.api import blueprint
from functions.files.commands import dropping, links
from functions.files.errors import (
    AlreadyCompleted,
    DriveBusy,
    DriveFull,
    FileNotFound,
    FileRejected,
    FileTooLarge,
    LinkNotFound,
    LinkPasswordRequired,
    NameTaken,
    QuotaExceeded,
    ScanPending,
    UploadMissing,
    UploadOver,
)
from functions.files.models import (
    Download,
    DropCompletion,
    DropCreated,
    DroppedFile,
    DropResumed,
    DropUpload,
    LinkContent,
    LinkDownload,
    LinkOpened,
)
from shared_code.endpoint import Anonymous, Client, IdempotencyKey, endpoint
from shared_code.errors import IdempotencyKeyReused, TooManyHashes, TooManyRequests

_OPENED = (LinkNotFound, LinkPasswordRequired, TooManyRequests, TooManyHashes)
_UPLOAD = (*_OPENED, FileNotFound, AlreadyCompleted, UploadOver, DriveBusy)


@endpoint(blueprint, "POST", "file-links/open", errors=(*_OPENED, FileNotFound))
async def links_open(_: Anonymous, client: Client, body: LinkContent) -> LinkOpened:
    """What a link opens; of a folder a page of what is in it."""
    return await links.see(body, client)


@endpoint(
    blueprint,
    "POST",
    "file-links/download",
    errors=(*_OPENED, FileNotFound, ScanPending, FileRejected),
)
async def links_download(_: Anonymous, client: Client, body: LinkDownload) -> Download:
    """An address for the linked file, or for a file in the linked folder, good for a minute."""
    return await links.download(body, client)


@endpoint(
    blueprint,
    "POST",
    "file-links/upload",
    status=201,
    errors=(
        *_OPENED,
        FileNotFound,
        QuotaExceeded,
        DriveFull,
        DriveBusy,
        FileTooLarge,
        NameTaken,
        IdempotencyKeyReused,
    ),
)
async def links_upload(
    _: Anonymous, client: Client, body: DropUpload, idempotency_key: IdempotencyKey = None
) -> DropCreated:
    """Begin an upload into the folder of a drop."""
    return await dropping.begin_drop(body, client, idempotency_key)


@endpoint(blueprint, "POST", "file-links/resume", errors=_UPLOAD)
async def links_resume(_: Anonymous, client: Client, body: DropCompletion) -> DropResumed:
    """How far a dropped upload has got, and a new address for the rest."""
    return await dropping.resume_drop(body, client)


@endpoint(blueprint, "POST", "file-links/complete", status=202, errors=(*_UPLOAD, UploadMissing))
async def links_complete(_: Anonymous, client: Client, body: DropCompletion) -> DroppedFile:
    """Say that all bytes of a dropped upload are there."""
    return await dropping.complete_drop(body, client)

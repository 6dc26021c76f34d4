"""The bytes: what strangers upload to the quarantine, and what was checked.

Whoever has an address for an upload has it until it ends, whatever has happened meanwhile. So a blob of the
quarantine is *held* by a lease before it is checked: nobody without the lease can change it, nor put blocks.
Once its fate is decided it is *buried*: emptied, and held on, so that the address stays useless. The sweep
takes graves away when every address has ended. Invariants: bytes become content only by a copy of the ETag
that was checked; no client has a right to the content but to read one blob.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from functions.files.secrets import derived_key
from functions.files.store.tables import CONTENT, QUARANTINE, SETTING
from shared_code.ids import derived_id
from shared_code.storage import blob_service

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.storage.blob.aio import BlobClient, BlobLeaseClient

PIECE = 4 * 1024 * 1024
"""How much of a blob is in memory at a time; one more piece is on its way."""
_COPY_SECONDS = 240
_COPY_POLL_SECONDS = 0.5
_FOREVER = -1
_NOT_HELD = {404, 409, 412}
_UNREADABLE = {"BlobArchived", "BlobBeingRehydrated", "BlobUsesCustomerSpecifiedEncryption"}
_UNKNOWN_SIZE = -1
_MOST_BURIALS = 5
_NOTED = {"copied_by": "atrium"}
"""Metadata of content: without any, that of the client's blob would be copied."""
_DELETES_AT_ONCE = 100


class ChangedMeanwhile(Exception):
    """The blob is not the one that was looked at."""


class CopyFailed(Exception):
    """The store did not copy; it may later."""


class Unreadable(Exception):
    """The client has put the blob where it cannot be read: into the archive, or under a key of his own."""


@dataclass(frozen=True)
class Uploaded:
    """What stands in the quarantine."""

    etag: str
    size: int


@dataclass(frozen=True)
class Stored:
    """A blob in a listing."""

    name: str
    changed_at: datetime


def blob_of(drive_id: str, file_id: str, upload_id: str) -> str:
    """The name of a blob. The drive's owner is not told to whoever gets an address."""
    return f"{folder_of(drive_id)}{file_id}/{upload_id}"


def folder_of(drive_id: str) -> str:
    """What the names of all blobs of a drive begin with."""
    return f"{derived_id('drv', drive_id)}/"


def thumbnail_of(blob: str, size: int) -> str:
    """The name of a thumbnail."""
    return f"{blob}.{size}.webp"


def _quarantined(blob: str) -> "BlobClient":
    return blob_service(SETTING).get_blob_client(QUARANTINE, blob)


def _content(blob: str) -> "BlobClient":
    return blob_service(SETTING).get_blob_client(CONTENT, blob)


def _lease_id(blob: str) -> str:
    """The same for every try, so that a check that comes again has the lease already; nobody guesses it.

    Where an address lets its holder write (`addresses.py`), he can still break a lease, and fill a grave: the
    sweep empties it. What was checked stays what it is, by its ETag.
    """
    made = derived_key(f"lease {blob}")
    return str(uuid.UUID(bytes=made[:16]))


async def uploaded(blob: str) -> Uploaded | None:
    """What was committed to the quarantine, or None. One round trip."""
    try:
        found = await _quarantined(blob).get_blob_properties()
    except ResourceNotFoundError:
        return None
    except HttpResponseError as error:
        if _is_unreadable(error):
            return Uploaded("", _UNKNOWN_SIZE)
        raise
    return Uploaded(str(found.etag), int(found.size))


def _is_unreadable(error: HttpResponseError) -> bool:
    return _code_of(error) in _UNREADABLE


def _code_of(error: HttpResponseError) -> str:
    """What the store calls it."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code))


async def blocks(blob: str) -> list[tuple[str, int]]:
    """The blocks that are not committed yet, id (in Base64, as it was sent) and size. One round trip."""
    found: list[tuple[str, int]] = []

    def take(_response: object, listed: Any, _headers: object) -> Any:
        # The SDK would decode the ids, and those alone that hold UTF-8.
        found.extend((each.name, each.size) for each in listed.uncommitted_blocks or [])
        return listed

    with suppress(ResourceNotFoundError, ResourceExistsError):  # it is of a kind that has no blocks
        await _quarantined(blob).get_block_list("uncommitted", cls=take)
    return found


async def hold(blob: str) -> Uploaded | None:
    """Let nobody change a blob of the quarantine any more; what it is then, or None. Two round trips.

    Four when a client holds it himself, as he can where his address lets him write.
    """
    try:
        await _lease(blob)
    except ResourceNotFoundError:
        return None
    return await uploaded(blob)


async def _lease(blob: str) -> None:
    client, lease_id = _quarantined(blob), _lease_id(blob)
    try:
        await client.acquire_lease(_FOREVER, lease_id=lease_id)
    except ResourceExistsError:
        await _break_lease(client, lease_id)
        await client.acquire_lease(_FOREVER, lease_id=lease_id)


async def _break_lease(client: "BlobClient", lease_id: str) -> None:
    """End a lease, whoever has it."""
    from azure.storage.blob.aio import BlobLeaseClient

    with suppress(HttpResponseError):  # there is none, or no blob
        await BlobLeaseClient(client, lease_id).break_lease(lease_break_period=0)


async def bury(blob: str) -> None:
    """Take the bytes away, and let nobody put others there. Two round trips, eight when it was not held.

    A list of no blocks takes those away as well that were never committed; Azurite's Put Blob does not.
    """
    from azure.storage.blob.aio import BlobLeaseClient

    client = _quarantined(blob)
    lease = BlobLeaseClient(client, _lease_id(blob))
    try:
        await client.commit_block_list([], lease=lease)
        await _without_snapshots(client, lease)
    except HttpResponseError as error:
        if error.status_code not in _NOT_HELD:
            raise
        # There is none, we do not hold it, or it is of another kind than can have blocks.
        await _bury_anew(client, blob)
        await _without_snapshots(client, lease)


async def _without_snapshots(client: "BlobClient", lease: "BlobLeaseClient") -> None:
    """Delete a held blob's snapshots: who may create a blob may take some."""
    with suppress(ResourceNotFoundError):
        await client.delete_blob(delete_snapshots="only", lease=lease)


async def _bury_anew(client: "BlobClient", blob: str) -> None:
    """Empty a blob, and hold it then; until it is held somebody may put bytes there again."""
    for _ in range(_MOST_BURIALS):
        await _break_lease(client, _lease_id(blob))
        await client.upload_blob(b"", overwrite=True)
        await client.commit_block_list([])
        await _lease(blob)
        held = await uploaded(blob)
        if held is None or held.size == 0:
            return


async def dig_up(blob: str) -> None:
    """Delete a blob of the quarantine, held or not. Two round trips."""
    client = _quarantined(blob)
    await _break_lease(client, _lease_id(blob))
    try:
        await client.delete_blob(delete_snapshots="include")
    except ResourceNotFoundError:
        return


async def pieces(blob: str, etag: str | None = None, *, size: int) -> AsyncIterator[bytes]:
    """The bytes of a blob, one piece read ahead: with `etag` of the quarantine, else of the content.

    One round trip for each 4 MiB. Raises ChangedMeanwhile, Unreadable.
    """
    ahead: asyncio.Task[bytes] | None = None
    try:
        for start in range(0, size, PIECE):
            piece = await (ahead or _read(blob, etag, start))
            follows = start + PIECE < size
            ahead = asyncio.create_task(_read(blob, etag, start + PIECE)) if follows else None
            yield piece
    finally:
        if ahead:
            ahead.cancel()


async def _read(blob: str, etag: str | None, start: int) -> bytes:
    client = _quarantined(blob) if etag else _content(blob)
    try:
        # Never unpacked: a client may have said of his bytes that they are.
        stream = await client.download_blob(
            offset=start, length=PIECE, decompress=False, **_only(etag)
        )
        return bytes(await stream.readall())
    except (ResourceModifiedError, ResourceNotFoundError) as error:
        raise ChangedMeanwhile from error
    except HttpResponseError as error:
        if _is_unreadable(error):
            raise Unreadable from error
        raise


async def accept(blob: str, etag: str, content_type: str) -> None:
    """Make what was checked content: copied by the store, if it is still what was checked.

    Two round trips, more while a large copy takes its time. Raises ChangedMeanwhile, CopyFailed.
    """
    await _copied(QUARANTINE, blob, blob, etag, content_type)


async def duplicate(blob: str, target: str, content_type: str) -> None:
    """Copy content. Two round trips. Raises ChangedMeanwhile when there is no such content, CopyFailed."""
    await _copied(CONTENT, blob, target, None, content_type)


async def _copied(
    container: str, blob: str, target: str, etag: str | None, content_type: str
) -> None:
    from azure.storage.blob import ContentSettings

    client = _content(target)
    # Unsigned, since readers see it in x-ms-copy-source: within one account the right of the app counts.
    source = blob_service(SETTING).get_blob_client(container, blob).url
    try:
        # Azure answers at once, Azurite when it has copied; a repeat beside it would only slow it down.
        started = await client.start_copy_from_url(
            source, _NOTED, read_timeout=_COPY_SECONDS, retry_total=0, **_only(etag, "source_")
        )
        status = str(started.get("copy_status"))
    except (ResourceModifiedError, ResourceNotFoundError) as error:
        raise ChangedMeanwhile from error
    except HttpResponseError as error:
        if _code_of(error) != "PendingCopyOperation":
            raise
        status = "pending"  # that of an earlier try, which died
    await _finished(client, status)
    # What a client said of his blob would go with it: nothing of it is believed.
    await client.set_http_headers(
        ContentSettings(content_type=content_type, content_disposition="attachment")
    )


def _only(etag: str | None, whose: str = "") -> dict[str, Any]:
    """The keywords that make a call conditional on the ETag, if there is one."""
    if etag is None:
        return {}
    return {f"{whose}etag": etag, f"{whose}match_condition": MatchConditions.IfNotModified}


async def _finished(client: "BlobClient", status: str) -> None:
    async with asyncio.timeout(_COPY_SECONDS):
        while status == "pending":
            await asyncio.sleep(_COPY_POLL_SECONDS)
            status = str((await client.get_blob_properties()).copy.status)
    if status != "success":
        raise CopyFailed(status)


async def exists(blob: str) -> bool:
    """Whether there is such content. One round trip."""
    return bool(await _content(blob).exists())


async def size_of(blob: str) -> int:
    """How large some content is, in bytes. One round trip. Raises ResourceNotFoundError."""
    return int((await _content(blob).get_blob_properties()).size)


async def save_thumbnail(blob: str, size: int, path: Path) -> None:
    """Keep a thumbnail. One round trip."""
    from azure.storage.blob import ContentSettings

    settings = ContentSettings(content_type="image/webp")
    content = await asyncio.to_thread(path.read_bytes)
    client = _content(thumbnail_of(blob, size))
    await client.upload_blob(content, overwrite=True, content_settings=settings)


async def remove(*blobs: str) -> None:
    """Delete content with its thumbnails; what is not there is fine. One query and a call for each."""
    container = blob_service(SETTING).get_container_client(CONTENT)
    for blob in blobs:
        names = [each.name async for each in container.list_blobs(name_starts_with=blob)]
        await asyncio.gather(*(_remove(_content(name)) for name in names))


async def _remove(client: "BlobClient") -> None:
    try:
        await client.delete_blob(delete_snapshots="include")
    except ResourceNotFoundError:
        return


async def remove_drive(drive_id: str) -> None:
    """Delete all blobs of a drive. A query for each 5,000, and a call or two for each blob."""
    service = blob_service(SETTING)
    prefix = folder_of(drive_id)
    quarantine = service.get_container_client(QUARANTINE).list_blobs(
        name_starts_with=prefix, include=["uncommittedblobs"]
    )
    async for each in quarantine:
        await dig_up(each.name)
    content = service.get_container_client(CONTENT)
    async for page in content.list_blobs(
        name_starts_with=prefix, results_per_page=_DELETES_AT_ONCE
    ).by_page():
        await asyncio.gather(*[_remove(_content(each.name)) async for each in page])


async def listed(container: str, after: str | None) -> tuple[list[Stored], str | None]:
    """A thousand blobs of a container, and where the next begin. One query."""
    client = blob_service(SETTING).get_container_client(container)
    include = ["uncommittedblobs"] if container == QUARANTINE else None
    pages = client.list_blobs(results_per_page=1000, include=include).by_page(after or None)
    async for page in pages:
        found = [Stored(each.name, each.last_modified) async for each in page]
        return found, getattr(pages, "continuation_token", None) or None
    return [], None

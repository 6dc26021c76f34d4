"""The check of an upload: size, digest, type by content, malware, images and archives; then it is copied.

The blob is read once, piece by piece, through all of these; what is to be parsed lies in a file meanwhile,
and is parsed in a process of its own. Invariants: the blob is held before it is read, and copied on the
condition of the ETag that was read; a check that ends in trouble (no scanner, no store) is no verdict, and
comes again; a check that comes again does what its last try left undone.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from functions.files import store
from functions.files.commands.changing import blob_of
from functions.files.commands.settling import make_available, reject
from functions.files.content_types import (
    HEAD_BYTES,
    Inspected,
    detect,
    inspected_as,
    is_as_claimed,
    served_as,
)
from functions.files.events import UploadCompleted, image_accepted
from functions.files.inspecting.answers import Refused
from functions.files.inspecting.parent import inspect_archive, inspect_image
from functions.files.models import File, Upload, Version
from functions.files.scanning import Scanner, scanner_of
from functions.files.store import ChangedMeanwhile, Unreadable, Uploaded
from shared_code.errors import InvalidSetting
from shared_code.faults import fault_point
from shared_code.settings import setting

SCANNER = "FILES_SCANNER"
_AT_ONCE = 4
"""Checks in a process: each has two pieces of 4 MiB in memory."""
SECONDS = 240.0
"""For a check with its waiting: a function that runs into its time-out (host.json) takes its worker along."""
_INSPECTIONS_AT_ONCE = 1
"""A child may need a gigabyte (inspecting/limits.py)."""
_MIB = 1024 * 1024
_MOST_OF_IMAGES = 128 * _MIB
_MOST_OF_ARCHIVES = 512 * _MIB
"""What is larger cannot be looked into, and is not taken."""


class Rejected(Exception):
    """The content is refused; the text is the reason that clients see."""


@cache
def checks() -> asyncio.Semaphore:
    """The places of this process for checks."""
    return asyncio.Semaphore(_AT_ONCE)


@cache
def inspections() -> asyncio.Semaphore:
    """The places of this process for children that parse."""
    return asyncio.Semaphore(_INSPECTIONS_AT_ONCE)


@cache
def _scanner(address: str) -> Scanner:
    try:
        return scanner_of(address)
    except ValueError as error:
        raise InvalidSetting(SCANNER) from error


async def check(event: UploadCompleted) -> None:
    """Check an upload, and make it available or reject it.

    Round trips: 1 to read, 2 to hold, 1 for each 4 MiB, 2 or more for the copy, 3 to 5 to settle, 3 to bury,
    1 for an image. Raises ScannerUnavailable and what the store raises: then it is to come again.
    """
    async with asyncio.timeout(SECONDS), checks():
        item = await store.read_item(event.drive_id, event.file_id)
        blob = store.blob_of(event.drive_id, event.file_id, event.upload_id)
        upload = item.upload if isinstance(item, File) else None
        if isinstance(item, File) and upload and _is_checking(upload, event.upload_id):
            await _settle(item, upload)
        elif isinstance(item, File) and item.content and item.content.blob == blob:
            await _finish(item, item.content)
        else:
            await store.bury(blob)


def _is_checking(upload: Upload, upload_id: str) -> bool:
    return upload.upload_id == upload_id and upload.state == "checking"


async def _settle(file: File, upload: Upload) -> None:
    blob = blob_of(file, upload)
    try:
        size = await _accepted(blob, upload)
    except (Rejected, Refused) as refused:
        reason = refused.reason if isinstance(refused, Refused) else str(refused)
        await reject(file.drive_id, file.item_id, upload.upload_id, reason)
        await _bury(blob, upload)
        return
    over = await make_available(file.drive_id, file.item_id, upload.upload_id, size)
    if over is not None:
        await store.remove(*over)
    elif not await _is_used(file, blob):  # it was given up, or its file has gone
        await store.remove(blob)
    await _bury(blob, upload)
    if over is not None and size:
        await _want_thumbnails(file, upload.version)


async def _finish(file: File, content: Version) -> None:
    """What follows after a version has become available."""
    await store.bury(content.blob)
    if content.width and not content.thumbnails:
        await _want_thumbnails(file, content.number)


async def _is_used(file: File, blob: str) -> bool:
    """Whether another delivery of the same event has made it available meanwhile."""
    return any(each.blob == blob for each in await store.read_versions(file.drive_id, file.item_id))


async def _bury(blob: str, upload: Upload) -> None:
    fault_point("files.after_settle")
    if upload.source is None:
        await store.bury(blob)


async def _want_thumbnails(file: File, version: int) -> None:
    await store.make_thumbnails_soon(image_accepted(file.drive_id, file.item_id, version))


async def _accepted(blob: str, upload: Upload) -> tuple[int, int] | None:
    """Content, or Rejected: what it gives are the pixels of an image."""
    served = served_as(upload.content_type)
    if source := upload.source:
        try:
            await store.duplicate(source.blob, blob, served)
        except ChangedMeanwhile as error:
            raise Rejected("source_gone") from error
        return (source.width, source.height) if source.width and source.height else None
    held = await store.hold(blob)
    if held is None:
        raise Rejected("upload_missing")
    if held.size != upload.size:
        raise Rejected("size_mismatch")
    try:
        size = await _examined(blob, held, upload)
        fault_point("files.before_copy")
        await store.accept(blob, held.etag, served)
        fault_point("files.after_copy")
    except ChangedMeanwhile as error:
        raise Rejected("changed_while_checked") from error
    except Unreadable as error:
        raise Rejected("unreadable") from error
    return size


async def _examined(blob: str, held: Uploaded, upload: Upload) -> tuple[int, int] | None:
    async with _spool() as spool:
        seen = _Seen(upload, spool)
        stream = seen.through(store.pieces(blob, held.etag, size=held.size))
        found = await _scanner(setting(SCANNER)).scan(stream)
        if found is not None:
            raise Rejected("malware")
        if seen.size != held.size:
            raise RuntimeError("the scanner did not read all of it")
        if seen.digest != upload.sha256:
            raise Rejected("sha256_mismatch")
        if seen.kind is None:
            return None
        await asyncio.to_thread(spool.file.flush)
        return await _inspected(spool.path, seen.kind)


async def _inspected(path: Path, kind: Inspected) -> tuple[int, int] | None:
    async with inspections():
        if kind == "image":
            facts = await inspect_image(path)
            return facts.width, facts.height
        await inspect_archive(path, kind)
        return None


@dataclass(frozen=True)
class _Spool:
    file: IO[bytes]
    path: Path


@asynccontextmanager
async def _spool() -> AsyncIterator[_Spool]:
    """A file that is gone afterwards; nothing is written to it unless it is to be parsed."""
    with tempfile.NamedTemporaryFile(prefix="atrium-") as file:
        yield _Spool(file, Path(file.name))


class _Seen:
    """What is learned of a stream while somebody reads it."""

    def __init__(self, upload: Upload, spool: _Spool) -> None:
        self._upload, self._spool = upload, spool
        self._hash = hashlib.sha256()
        self.size = 0
        self.kind: Inspected | None = None

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    async def through(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Give the pieces on. Raises Rejected as soon as the first one shows another type."""
        async for piece in pieces:
            if self.size == 0:
                self._judge(piece[:HEAD_BYTES])
            self.size += len(piece)
            await asyncio.to_thread(self._take, piece)
            yield piece

    def _judge(self, head: bytes) -> None:
        claimed = self._upload.content_type
        if not is_as_claimed(claimed, head):
            raise Rejected("content_type_mismatch")
        # A claim that says nothing must not hide a bomb from those who open it.
        self.kind = inspected_as(claimed) or inspected_as(detect(head) or "")
        if self.kind is None:
            return
        is_image = self.kind == "image"
        if self._upload.size > (_MOST_OF_IMAGES if is_image else _MOST_OF_ARCHIVES):
            raise Rejected("image_too_large" if is_image else "archive_too_large")

    def _take(self, piece: bytes) -> None:
        self._hash.update(piece)
        if self.kind:
            self._spool.file.write(piece)

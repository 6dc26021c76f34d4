"""Documents that `auth` publishes for every service: small blobs, kept in memory and refreshed.

Invariant: a reader never gets a copy older than `max_age`, save while the blob cannot be reached: then
the last copy serves `grace` seconds more, with a warning, and after that there is none (503).
One refresh runs at a time; it is a conditional GET, so an unchanged document costs a 304. A failed one
is not repeated within a second, so that an outage does not make every request wait for its own attempt.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
)

from shared_code.errors import Unavailable
from shared_code.storage import blob_service

SETTING = "AUTH_PUBLISHED_STORAGE"
CONTAINER = "auth-published"
_NOT_MODIFIED = 304
_GRACE_SECONDS = 30.0
_RETRY_SECONDS = 1.0
_REFRESH_SECONDS = 5.0

_log = logging.getLogger("atrium.published")


class PublishedDocument[Parsed]:
    """One published blob, parsed. Times are seconds of the monotonic clock."""

    def __init__(self, name: str, parse: Callable[[bytes], Parsed], max_age: float) -> None:
        self._name = name
        self._parse = parse
        self._max_age = max_age
        self._lock = asyncio.Lock()
        self._copy: Parsed | None = None
        self._etag: str | None = None
        self._refreshed_at = float("-inf")
        self._failed_at = float("-inf")

    async def get(self, max_age: float | None = None) -> Parsed:
        """The document, at most `max_age` (default: the document's own) old.

        No round trip while the copy is young, else one. Raises Unavailable when there is no usable copy.
        """
        limit = self._max_age if max_age is None else max_age
        if self._should_refresh(limit):
            async with self._lock:
                if self._should_refresh(limit):
                    await self._refresh()
        if self._copy is None or self._age() > self._max_age + _GRACE_SECONDS:
            raise Unavailable
        return self._copy

    def _should_refresh(self, limit: float) -> bool:
        if time.monotonic() - self._failed_at < _RETRY_SECONDS:
            return False
        return self._copy is None or self._age() >= limit

    def _age(self) -> float:
        return time.monotonic() - self._refreshed_at

    async def _refresh(self) -> None:
        asked_at = time.monotonic()
        try:
            async with asyncio.timeout(_REFRESH_SECONDS):
                await self._download()
        except (AzureError, TimeoutError) as error:
            self._failed_at = time.monotonic()
            _log.warning("%s cannot be refreshed", self._name, exc_info=error)
            return
        self._refreshed_at = asked_at

    async def _download(self) -> None:
        blob = blob_service(SETTING).get_blob_client(CONTAINER, self._name)
        condition: dict[str, Any] = (
            {"etag": self._etag, "match_condition": MatchConditions.IfModified}
            if self._etag
            else {}
        )
        try:
            # The SDK would wait 15 s before its first retry; the next reader is ours.
            download = await blob.download_blob(retry_total=0, **condition)
        except HttpResponseError as error:
            if error.status_code == _NOT_MODIFIED:
                return
            raise
        self._copy = self._parse(await download.readall())
        self._etag = download.properties.etag


async def update(name: str, change: Callable[[bytes], bytes], content_type: str) -> None:
    """Change a published document as it stands, whoever else changes it at the same time.

    Two round trips, more in a race. Raises AzureError; ResourceNotFoundError when it was never published.
    """
    from azure.storage.blob import ContentSettings

    blob = blob_service(SETTING).get_blob_client(CONTAINER, name)
    while True:
        download = await blob.download_blob()
        content = change(await download.readall())
        try:
            await blob.upload_blob(
                content,
                overwrite=True,
                etag=download.properties.etag,
                match_condition=MatchConditions.IfNotModified,
                content_settings=ContentSettings(content_type=content_type),
            )
        except ResourceModifiedError:
            continue
        return


async def publish_first(name: str, content: bytes, content_type: str) -> None:
    """Publish a document that was never published; one that was stays. One round trip."""
    from azure.storage.blob import ContentSettings

    blob = blob_service(SETTING).get_blob_client(CONTAINER, name)
    try:
        await blob.upload_blob(content, content_settings=ContentSettings(content_type=content_type))
    except ResourceExistsError:
        return


async def publish(
    name: str, content: bytes, content_type: str, *, instead_of: str | None = None
) -> None:
    """Replace a published document; with `instead_of` only the version of this ETag.

    One round trip; the service that owns the document calls it. Raises ResourceModifiedError when another
    version is published.
    """
    from azure.storage.blob import ContentSettings

    blob = blob_service(SETTING).get_blob_client(CONTAINER, name)
    condition: dict[str, Any] = (
        {"etag": instead_of, "match_condition": MatchConditions.IfNotModified} if instead_of else {}
    )
    settings = ContentSettings(content_type=content_type)
    await blob.upload_blob(content, overwrite=True, content_settings=settings, **condition)

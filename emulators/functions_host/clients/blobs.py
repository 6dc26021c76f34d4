"""Blobs: read, write, look at, list; just what bindings, the blob trigger and the host's records need.

Invariant: a missing container is made when something is written to it, and is empty when read.
"""

import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from emulators.functions_host.clients.storage import (
    CONFLICT,
    NOT_FOUND,
    StorageClient,
    StorageError,
)

_BLOCK_BLOB = {"x-ms-blob-type": "BlockBlob"}
_METADATA = "x-ms-meta-"
_PRECONDITION_FAILED = 412


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob that exists: its headers as the service gave them, and its content if it was read."""

    headers: Mapping[str, str]
    content: bytes = b""
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        """What changes with every write, in its quotes."""
        return self.headers.get("etag", "")


class BlobClient:
    """One blob in one container."""

    def __init__(self, storage: StorageClient, container: str, name: str) -> None:
        self._storage = storage
        self.container = container
        self.name = name
        self._path = f"{container}/{quote(name, safe='/~')}"

    @property
    def uri(self) -> str:
        """The blob's address."""
        return f"{self._storage.endpoint}/{self._path}"

    async def read(self) -> bytes | None:
        """Return the content, or None when there is no such blob."""
        found = await self.get()
        return None if found is None else found.content

    async def get(self) -> Blob | None:
        """Return content and properties, or None when there is no such blob."""
        return await self._fetch("GET")

    async def head(self) -> Blob | None:
        """Return the properties, or None when there is no such blob."""
        return await self._fetch("HEAD")

    async def write(self, content: bytes) -> None:
        """Replace the content."""
        await self._put(content, {})

    async def create(self, metadata: Mapping[str, str]) -> bool:
        """Make an empty blob with metadata; return whether there was none."""
        headers = {f"{_METADATA}{name}": value for name, value in metadata.items()}
        try:
            await self._put(b"", {**headers, "if-none-match": "*"})
        except StorageError as error:
            if error.status not in {CONFLICT, _PRECONDITION_FAILED}:
                raise
            return False
        return True

    async def set_metadata(self, metadata: Mapping[str, str]) -> None:
        """Replace the metadata."""
        headers = {f"{_METADATA}{name}": value for name, value in metadata.items()}
        await self._storage.request("PUT", self._path, "comp=metadata", headers=headers)

    async def _fetch(self, method: str) -> Blob | None:
        try:
            answer = await self._storage.request(method, self._path)
        except StorageError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        own = {
            name[len(_METADATA) :]: value
            for name, value in answer.headers.items()
            if name.lower().startswith(_METADATA)
        }
        return Blob(answer.headers, answer.body, own)

    async def _put(self, content: bytes, extra: Mapping[str, str]) -> None:
        headers = {**_BLOCK_BLOB, **extra}
        try:
            await self._storage.request("PUT", self._path, body=content, headers=headers)
        except StorageError as error:
            if error.status != NOT_FOUND:
                raise
            await self._create_container()
            await self._storage.request("PUT", self._path, body=content, headers=headers)

    async def _create_container(self) -> None:
        try:
            await self._storage.request("PUT", self.container, "restype=container")
        except StorageError as error:
            # Another writer may have made it in between.
            if error.status != CONFLICT:
                raise


@dataclass(frozen=True, slots=True)
class Listed:
    """A blob as a listing shows it."""

    name: str
    etag: str


async def listing(storage: StorageClient, container: str, prefix: str) -> AsyncIterator[Listed]:
    """Go through the blobs of a container whose names begin so; none when it does not exist."""
    marker = ""
    while True:
        query = f"restype=container&comp=list&prefix={quote(prefix, safe='')}"
        query += f"&marker={quote(marker, safe='')}" if marker else ""
        try:
            answer = await storage.request("GET", container, query)
        except StorageError as error:
            if error.status == NOT_FOUND:
                return
            raise
        # The document is the storage service's own, not a caller's.
        page = ET.fromstring(answer.body)  # noqa: S314 - own
        for element in page.iterfind("Blobs/Blob"):
            etag = element.findtext("Properties/Etag") or ""
            yield Listed(element.findtext("Name") or "", f'"{etag.strip(chr(34))}"')
        if not (marker := page.findtext("NextMarker") or ""):
            return

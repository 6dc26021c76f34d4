"""Blobs: read and write one small text, which is all that the host itself keeps there.

Invariant: a missing container is made when something is written to it.
"""

from emulators.functions_host.clients.storage import NOT_FOUND, StorageClient, StorageError


class BlobClient:
    """One blob in one container."""

    def __init__(self, storage: StorageClient, container: str, name: str) -> None:
        self._storage = storage
        self._container = container
        self._path = f"{container}/{name}"

    async def read(self) -> bytes | None:
        """Return the content, or None when there is no such blob."""
        try:
            return (await self._storage.request("GET", self._path)).body
        except StorageError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def write(self, content: bytes) -> None:
        """Replace the content."""
        headers = {"x-ms-blob-type": "BlockBlob"}
        try:
            await self._storage.request("PUT", self._path, body=content, headers=headers)
        except StorageError as error:
            if error.status != NOT_FOUND:
                raise
            await self._storage.request("PUT", self._container, "restype=container")
            await self._storage.request("PUT", self._path, body=content, headers=headers)

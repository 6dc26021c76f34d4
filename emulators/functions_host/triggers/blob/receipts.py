"""Receipts: which version of which blob a function has been given, kept in the host's own container.

Invariant: a receipt is complete only after the blob's message stands in the host's queue, so a host
that dies in between puts the message there once more, and never forgets one.
"""

from emulators.functions_host.clients.blobs import BlobClient
from emulators.functions_host.clients.storage import StorageClient

_CONTAINER = "azure-webjobs-hosts"
_INCOMPLETE = "Incomplete"


class Receipts:
    """The receipts of one function."""

    def __init__(self, storage: StorageClient, host_id: str, function_id: str) -> None:
        self._storage = storage
        self._prefix = f"blobreceipts/{host_id}/{function_id}"

    async def open(self, etag: str, path: str) -> BlobClient | None:
        """Return a version's receipt to be closed, or None when it is closed already."""
        # The version stands before the name, because a name may hold slashes.
        receipt = BlobClient(self._storage, _CONTAINER, f"{self._prefix}/{etag}/{path}")
        if await receipt.create({_INCOMPLETE: "true"}):
            return receipt
        found = await receipt.head()
        done = found is not None and _INCOMPLETE.lower() not in {k.lower() for k in found.metadata}
        return None if done else receipt

    @staticmethod
    async def close(receipt: BlobClient) -> None:
        """Note that the version's message stands in the queue."""
        await receipt.set_metadata({})

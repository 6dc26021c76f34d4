"""What the store holds of a file, seen with the account's key: the bytes that no user of the API is told of.

Snapshots, and blocks that nobody committed, are bytes as well. Invariant: only the official SDK, and nothing
of the app's own code. A grave (an empty blob that keeps an address of the quarantine useless) holds no bytes,
so `blobs_of` does not show it.
"""

from contextlib import suppress

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, BlobLeaseClient, BlobServiceClient

from tests.harness.stack import Stack
from tests.harness.waiting import until_async

CONTAINERS = ("files-quarantine", "files-content")


def _store(stack: Stack) -> BlobServiceClient:
    return BlobServiceClient.from_connection_string(stack.settings["FILES_STORAGE"])


async def blobs_of(stack: Stack, file_id: str) -> dict[str, int]:
    """The blobs that hold bytes of a file, thumbnails, snapshots and loose blocks too: name and size."""
    found: dict[str, int] = {}
    async with _store(stack) as service:
        for container in CONTAINERS:
            client = service.get_container_client(container)
            async for each in client.list_blobs(include=["uncommittedblobs", "snapshots"]):
                if f"/{file_id}/" not in each.name:
                    continue
                name, size = f"{container}/{each.name}", int(each.size)
                if each.snapshot:
                    name = f"{name}@{each.snapshot}"
                else:
                    size += await _loose(client.get_blob_client(each.name))
                if size:
                    found[name] = size
    return found


async def _loose(client: BlobClient) -> int:
    """The bytes of the blocks that nobody committed; none where the blob has gone meanwhile."""
    try:
        _, blocks = await client.get_block_list("uncommitted")
    except ResourceNotFoundError:
        return 0
    return sum(int(each.size) for each in blocks)


async def blobs_in(storage: str, container: str, part: str) -> list[tuple[str, int]]:
    """The blobs of a container whose name has this part (a file's id), graves too: name and size."""
    async with BlobServiceClient.from_connection_string(storage) as service:
        listed = service.get_container_client(container).list_blobs(include=["uncommittedblobs"])
        return [(each.name, each.size) async for each in listed if part in each.name]


async def until_no_bytes(stack: Stack, file_id: str) -> None:
    """Wait until nothing is left of a file: bytes go after the verdict that refuses them."""

    async def gone() -> bool:
        return not await blobs_of(stack, file_id)

    await until_async(gone, f"no bytes of {file_id} are left")


async def swap(stack: Stack, file_id: str, content: bytes) -> None:
    """Put other bytes where an upload waits for its verdict, whoever holds it."""
    async with _store(stack) as service:
        container = service.get_container_client(CONTAINERS[0])
        names = [each.name async for each in container.list_blobs()]
        [name] = [each for each in names if f"/{file_id}/" in each]
        client = container.get_blob_client(name)
        with suppress(HttpResponseError):  # nobody holds it
            await BlobLeaseClient(client).break_lease(lease_break_period=0)
        await client.upload_blob(content, overwrite=True)

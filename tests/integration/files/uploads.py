"""Files without a host: its commands called directly, bytes sent by the address, checks made by hand.

Invariant: bytes go by plain HTTP to the address that a command gave; a check is given the event that waits
in the drive.
"""

import io
import json
import zipfile
from typing import Any

import aiohttp
from PIL import Image

from functions.files import store
from functions.files.commands import checking, purging, uploading
from functions.files.events import ItemPurged, UploadCompleted
from functions.files.models import Drive, File, FileCreated, NewFile, NewVersion, UploadTarget
from functions.files.store import CONTENT, QUARANTINE, SETTING
from functions.files.store.tables import DRIVES
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.endpoint import Client
from shared_code.ids import new_id
from shared_code.storage import blob_service, table
from tests.harness.files import Stored, promised

STRANGER = Client(address="192.0.2.7")


def actor(user_id: str | None = None, **workspaces: str) -> Actor:
    """A user whom no other test has, with his roles in workspaces."""
    return Actor(user_id or new_id("usr"), new_id("ses"), utcnow(), workspaces=workspaces)


def zipped(name: str, content: bytes) -> bytes:
    """An archive with one file in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


def picture(width: int, height: int) -> bytes:
    """A PNG."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG")
    return out.getvalue()


async def ask(method: str, url: str, **options: Any) -> Stored:
    """One request of a client to the store."""
    async with aiohttp.request(method, url, **options) as answer:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        code = headers.get("x-ms-error-code")
        return Stored(answer.status, code, headers, await answer.read())


async def begin(
    user: Actor, content: bytes, name: str = "", key: str | None = None, **fields: Any
) -> FileCreated:
    """A new file that waits for this content; without a name it has one of its own."""
    body = {"name": name or f"{new_id('n')}.txt", **promised(content), **fields}
    return await uploading.create(user, NewFile.model_validate(body), key)


async def put(upload: UploadTarget | None, content: bytes, **options: Any) -> Stored:
    """Upload all at once."""
    assert upload
    return await ask("PUT", upload.url, data=io.BytesIO(content), headers=upload.headers, **options)


async def completed(user: Actor, content: bytes, name: str = "", **fields: Any) -> File:
    """A new file whose bytes are there; it waits for its check."""
    return await completed_as_promised(user, content, content, name, **fields)


async def completed_as_promised(
    user: Actor, sent: bytes, promised_: bytes, name: str = "", **fields: Any
) -> File:
    """As `completed`, where other bytes come than were promised."""
    made = await begin(user, promised_, name, **fields)
    return await finish(user, made, sent)


async def finish(user: Actor, made: FileCreated, content: bytes) -> File:
    """Upload what was begun, and complete it."""
    assert (await put(made.upload, content)).status == 201
    await uploading.complete(user, made.file.id)
    return await row(made.file.drive_id, made.file.id)


async def available(user: Actor, content: bytes = b"hello", name: str = "", **fields: Any) -> File:
    """A new file that was accepted."""
    file = await completed(user, content, name, **fields)
    return await checked(file)


async def next_version(
    user: Actor, file: File, content: bytes, content_type: str = "text/plain"
) -> File:
    """A new content of a file, accepted."""
    body = NewVersion.model_validate(promised(content, content_type))
    made = await uploading.create_version(user, file.item_id, body, None)
    return await checked(await finish(user, made, content))


async def checked(file: File) -> File:
    """The file after a check by the event that waits for it."""
    await checking.check(await event_of(file))
    return await row(file.drive_id, file.item_id)


async def event_of(file: File) -> UploadCompleted:
    """The newest event of a complete upload of this file."""
    events = await events_of(file.drive_id, UploadCompleted.TYPE)
    mine = [each["data"] for each in events if each["subject"] == file.item_id]
    return UploadCompleted.model_validate(mine[-1])


async def events_of(drive_id: str, type_: str) -> list[dict[str, Any]]:
    """The events of a type that wait in a drive, oldest first."""
    rows = table(SETTING, DRIVES).query_entities(
        "PartitionKey eq @key and RowKey ge 'out:' and RowKey lt 'out;'",
        parameters={"key": drive_id},
    )
    events = [json.loads(each["event"]) async for each in rows]
    return [each for each in events if each["type"] == type_]


async def changes_of(file: File) -> list[str]:
    """What files has told of a file, oldest first."""
    events = await events_of(file.drive_id, "atrium.files.file_changed.v1")
    return [each["data"]["change"] for each in events if each["subject"] == file.item_id]


async def row(drive_id: str, file_id: str) -> File:
    """A file as it is kept."""
    found = await store.read_item(drive_id, file_id)
    assert isinstance(found, File)
    return found


async def drive(drive_id: str) -> Drive:
    """A drive's numbers."""
    return (await store.read_drive(drive_id)).drive


async def blobs(container: str, drive_id: str) -> dict[str, int]:
    """The blobs of a drive in a container, with their sizes."""
    client = blob_service(SETTING).get_container_client(container)
    found = client.list_blobs(store.folder_of(drive_id), include=["uncommittedblobs", "snapshots"])
    return {each.name: each.size async for each in found}


async def contents(drive_id: str) -> dict[str, bytes]:
    """What was accepted in a drive, by its blob."""
    client = blob_service(SETTING).get_container_client(CONTENT)
    names = await blobs(CONTENT, drive_id)
    return {each: await (await client.download_blob(each)).readall() for each in names}


async def quarantined(drive_id: str) -> int:
    """How many bytes of a drive are in the quarantine."""
    return sum((await blobs(QUARANTINE, drive_id)).values())


async def purged(drive_id: str, item_id: str) -> bool:
    """Remove an item for good, in the bin or not, and then what its event makes follow."""
    gone = await purging.purge_item(drive_id, item_id, lambda _: True)
    await follow_purges(drive_id)
    return gone


async def follow_purges(drive_id: str) -> None:
    """Do what follows after the purges of a drive, and after those that they make."""
    seen: set[str] = set()
    while new := [
        each for each in await events_of(drive_id, ItemPurged.TYPE) if each["id"] not in seen
    ]:
        for each in new:
            seen.add(each["id"])
            await purging.follow(ItemPurged.model_validate(each["data"]))

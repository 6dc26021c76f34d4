"""Small images of an image, made after it has become available.

Invariant: they are made of content that was checked, in a process of its own; an image of which none can be
made stays without.
"""

import asyncio
import logging
import tempfile
from pathlib import Path

from functions.files import store
from functions.files.commands.changing import changed, revised, tell
from functions.files.commands.checking import SECONDS, inspections
from functions.files.events import ImageAccepted
from functions.files.inspecting.answers import Refused, Thumbnail
from functions.files.inspecting.parent import make_thumbnails
from functions.files.models import File, Version
from functions.files.store import Change, ChangedMeanwhile, DriveRecord

_log = logging.getLogger("atrium.files")


async def make(event: ImageAccepted) -> None:
    """Make the thumbnails of a version.

    Round trips: 1 to read, 1 for each 4 MiB, 1 for each thumbnail, 4 or 5 to say so. Raises what the store
    raises.
    """
    version = await store.read_version(event.drive_id, event.file_id, event.version)
    if version is None or version.thumbnails:
        return
    with tempfile.TemporaryDirectory(prefix="atrium-") as folder:
        path = Path(folder, "image")
        try:
            async with asyncio.timeout(SECONDS), inspections():
                await _download(version, path)
                made = await make_thumbnails(path, Path(folder))
        except (Refused, ChangedMeanwhile) as error:
            _log.warning("%s has no thumbnails: %s", event.file_id, error)
            return
        await asyncio.gather(
            *(store.save_thumbnail(version.blob, each.size, each.path) for each in made)
        )
        await _say(event, made)


async def _download(version: Version, path: Path) -> None:
    with path.open("wb") as file:
        async for piece in store.pieces(version.blob, size=version.size):
            await asyncio.to_thread(file.write, piece)


async def _say(event: ImageAccepted, made: list[Thumbnail]) -> None:
    sizes = tuple(each.size for each in made)
    row_key = store.version_row(event.file_id, event.version)

    async def attempt(record: DriveRecord) -> str | None:
        version = record.rows.get(row_key)
        file = record.item(event.file_id)
        if not isinstance(version, Version) or not isinstance(file, File):
            return "gone"
        change = Change(record)
        after = version.model_copy(update={"thumbnails": sizes})
        change.put(after)
        if file.content and file.content.number == version.number:
            shown = revised(file, content=after)
            store.put_item(change, file, shown)
            tell(change, "changed", shown)
        return "said" if await change.commit() else None

    await changed(event.drive_id, attempt, store.item_row(event.file_id), row_key)

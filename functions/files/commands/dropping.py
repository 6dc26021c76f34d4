"""Files from strangers: whoever has a drop's link puts files into somebody's folder, and sees nothing of it.

Invariant: who drops can go on with and complete what was begun by that link, and no more; the room that it
takes is the folder's drive's.
"""

from functions.files import limits, policy
from functions.files.commands.changing import under_free_name
from functions.files.commands.finding import Found, Place, locate
from functions.files.commands.links import opened
from functions.files.commands.reading import note
from functions.files.commands.uploading import (
    Beginning,
    begin,
    complete_as,
    open_upload,
    resume_as,
    target_of,
)
from functions.files.errors import FileNotFound
from functions.files.models import (
    DropCompletion,
    DropCreated,
    DroppedFile,
    DropResumed,
    DropUpload,
    File,
    Link,
    LinkAsked,
    NewVersion,
)
from shared_code import text
from shared_code.endpoint import Client
from shared_code.ids import keyed_id


async def begin_drop(asked: DropUpload, client: Client, idempotency_key: str | None) -> DropCreated:
    """Begin an upload into the folder of a drop. As `opened`, 1, and those of `begin` for each name tried.

    Raises as `opened` and `begin`, FileNotFound for a link that is no drop.
    """
    link, found = await _drop(asked, client)
    policy.check_size(asked.size)
    await limits.before_drop(link.link_id)
    place = Place(found.drive_id, found.item.item_id, len(found.chain))
    file_id = keyed_id("fil", link.link_id, idempotency_key)
    promised = NewVersion(**asked.model_dump(include=set(NewVersion.model_fields)))
    said = asked.model_dump_json(exclude=set(LinkAsked.model_fields))
    request = text.digest(said) if idempotency_key else ""
    file = await under_free_name(
        asked.name,
        lambda name: begin(Beginning(place, name, promised, link.link_id, file_id, request)),
    )
    await note(file.item_id, "dropped", None, link_id=link.link_id)
    target = await target_of(file, link.link_id, 1)
    sent = (file_id, asked.name, asked.size)
    return DropCreated(file=_told(sent, file), upload=target)


def _told(sent: tuple[str, str, int], file: File) -> DroppedFile:
    """What a stranger hears of his file: what he sent, and what became of that upload."""
    upload = file.upload if file.upload and file.upload.version == 1 else None
    state = upload.state if upload else "available"
    reason = upload.reason if upload else None
    return DroppedFile(id=sent[0], name=sent[1], size=sent[2], state=state, reason=reason)


async def _drop(asked: LinkAsked, client: Client) -> tuple[Link, Found]:
    link, found = await opened(asked, client)
    if link.role != "drop":
        raise FileNotFound
    return link, found


async def _dropped(asked: DropCompletion, client: Client) -> tuple[Link, File]:
    link, folder = await _drop(asked, client)
    found = await locate(asked.file_id)
    if found is None or found.item.folder_id != folder.item.item_id:
        raise FileNotFound
    file = found.file
    if file.created_by != link.link_id:
        raise FileNotFound
    open_upload(file, link.link_id)
    return link, file


async def resume_drop(asked: DropCompletion, client: Client) -> DropResumed:
    """How far a dropped upload has got. As `opened`, `locate` and `resume_as`."""
    link, file = await _dropped(asked, client)
    resumed = await resume_as(file, link.link_id)
    return DropResumed(
        file=_still(file),
        upload=resumed.upload,
        blocks=resumed.blocks,
        committed=resumed.committed,
    )


async def complete_drop(asked: DropCompletion, client: Client) -> DroppedFile:
    """Say that the bytes of a dropped upload are there. As `opened`, `locate` and `complete_as`."""
    link, file = await _dropped(asked, client)
    await complete_as(file, link.link_id)
    return _still(file).model_copy(update={"state": "checking"})


def _still(file: File) -> DroppedFile:
    """A file whose first upload waits; so it is called as it was sent, or with a number."""
    size = file.upload.size if file.upload else 0
    return _told((file.item_id, file.name, size), file)

"""Addresses for bytes: a file's content, its thumbnails.

Invariants: nobody gets an address before the verdict; an address is good for a minute, and its content comes
as an attachment or as something that a browser does not run; who gets one for a content stands in the access
log before. Thumbnails are not noted: lists show them.
"""

from datetime import timedelta

from functions.files import policy, store
from functions.files.commands.finding import find, known_actor, locate
from functions.files.content_types import served_as, shown_inline
from functions.files.errors import (
    FileNotFound,
    FileRejected,
    ScanPending,
    ThumbnailNotFound,
    VersionNotFound,
)
from functions.files.models import (
    AccessEntry,
    AccessType,
    Download,
    DownloadQuery,
    File,
    TicketQuery,
    Version,
)
from functions.files.names import content_disposition
from shared_code import file_tickets
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.ids import new_id


async def download(actor: Actor, file_id: str, query: DownloadQuery) -> Download:
    """An address for a file's content. As `find`, 1 for another version than the current, and 1.

    Raises as `find`, ScanPending, FileRejected, VersionNotFound, InvalidFileTicket.
    """
    if query.ticket:
        return await _by_ticket(actor, file_id, query, query.ticket)
    found = await find(actor, file_id, "viewer")
    number = int(query.version) if query.version else None
    version = await version_of(found.file, number)
    await note(file_id, "downloaded", actor.user_id, version=str(version.number))
    return await address(found.file, version, query.disposition)


async def _by_ticket(actor: Actor, file_id: str, query: DownloadQuery, ticket: str) -> Download:
    """The current version, for who has a ticket."""
    file, room_id = await _shown_by_ticket(actor, file_id, ticket)
    version = await version_of(file)
    await note(file_id, "downloaded_in_chat", actor.user_id, room_id=room_id)
    return await address(file, version, query.disposition)


async def _shown_by_ticket(actor: Actor, file_id: str, ticket: str) -> tuple[File, str]:
    """A file, for who is in a room where somebody posted it who may see it himself; and the room.

    As `locate` and `known_actor`. Raises InvalidFileTicket, FileNotFound.
    """
    proven = file_tickets.verify(ticket, file_id, actor.user_id)
    found = await locate(file_id)
    if found is None or found.in_bin:
        raise FileNotFound
    author = await known_actor(proven.author_id, found.drive_id, found.chain)
    if policy.right_on(author, found.drive_id, found.chain) is None:
        raise FileNotFound
    return found.file, proven.room_id


async def version_of(file: File, number: int | None = None) -> Version:
    """A file's content, or an older version. No round trip, 1 for an older one.

    Raises ScanPending, FileRejected, VersionNotFound.
    """
    if file.content is None:
        if file.state == "rejected" and file.upload:
            raise FileRejected(file.upload.reason)
        raise ScanPending
    if number is None or number == file.content.number:
        return file.content
    version = await store.read_version(file.drive_id, file.item_id, number)
    if version is None:
        raise VersionNotFound
    return version


async def note(item_id: str, type_: AccessType, by: str | None, **details: str) -> None:
    """Write an entry of the access log. One round trip."""
    entry = AccessEntry(id=new_id("acc"), at=utcnow(), type=type_, by=by, details=details)
    await store.note_access(item_id, entry)


async def address(file: File, version: Version, disposition: str) -> Download:
    """An address for a version. No round trip (store/addresses.py)."""
    inline = disposition == "inline" and shown_inline(version.content_type)
    content_type = served_as(version.content_type)
    until = utcnow() + timedelta(seconds=policy.READ_SECONDS)
    header = content_disposition(file.name, inline)
    return Download(
        url=await store.read_url(version.blob, until, header, content_type),
        name=file.name,
        size=version.size,
        content_type=content_type,
        expires_at=until,
    )


async def thumbnail(actor: Actor, file_id: str, size: int, query: TicketQuery) -> Download:
    """An address for a thumbnail of the current version. As `find`, and 1.

    Raises as `find`, ScanPending, FileRejected, ThumbnailNotFound, InvalidFileTicket.
    """
    if query.ticket:
        file, _ = await _shown_by_ticket(actor, file_id, query.ticket)
    else:
        file = (await find(actor, file_id, "viewer")).file
    version = await version_of(file)
    if size not in version.thumbnails:
        raise ThumbnailNotFound
    until = utcnow() + timedelta(seconds=policy.READ_SECONDS)
    blob = store.thumbnail_of(version.blob, size)
    header = content_disposition(f"{file.name}.webp", inline=True)
    return Download(
        url=await store.read_url(blob, until, header, "image/webp"),
        name=file.name,
        size=await store.size_of(blob),
        content_type="image/webp",
        expires_at=until,
    )

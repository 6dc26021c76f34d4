"""What files publishes, and what it hears of others.

Invariant: an event tells what has happened: a change of an item that is durable, an upload that its sender
says is complete, an item that was purged and what of it is to follow.
"""

from typing import ClassVar, Literal

from functions.files.models import ItemInfo
from shared_code.messaging import Event, EventData
from shared_code.messaging.topology import (
    ACCOUNT_ERASED,
    DRIVE_ORPHANED,
    FILE_CHANGED,
    ITEM_PURGED,
    UPLOAD_COMPLETED,
    WORKSPACE_CHANGED,
)
from shared_code.roles import WorkspaceRole

SOURCE = "/atrium/files"

type Change = Literal[
    "created",
    "checking",
    "available",
    "rejected",
    "changed",
    "trashed",
    "restored",
    "purged",
]


class FileChanged(EventData):
    """Something became of a file or a folder. `to` are the users who hear of it where no workspace does."""

    TYPE: ClassVar[str] = FILE_CHANGED

    change: Change
    drive_id: str
    item: ItemInfo
    to: list[str]


class UploadCompleted(EventData):
    """The bytes of an upload are there, says its sender (or they were found): to be checked."""

    TYPE: ClassVar[str] = UPLOAD_COMPLETED

    drive_id: str
    file_id: str
    upload_id: str


class ItemPurged(EventData):
    """A file or folder is gone for good; what pointed to it, its bytes, and what is in it are to follow."""

    TYPE: ClassVar[str] = ITEM_PURGED

    drive_id: str
    item_id: str
    blobs: list[str]
    quarantined: str | None
    links: list[str]
    subjects: list[str]


class DriveOrphaned(EventData):
    """The user or the workspace whose drive it is is gone: the drive is to be erased, step by step."""

    TYPE: ClassVar[str] = DRIVE_ORPHANED

    drive_id: str


class ImageAccepted(EventData):
    """An image is available, and has no thumbnails yet. To files itself, in its Storage queue."""

    TYPE: ClassVar[str] = "atrium.files.image_accepted.v1"

    drive_id: str
    file_id: str
    version: int


class AccountErased(EventData):
    """Auth's event: an account is being erased."""

    TYPE: ClassVar[str] = ACCOUNT_ERASED

    user_id: str


class WorkspaceChanged(EventData):
    """Auth's event: a workspace changed, or who is in it; `erased` ends it."""

    TYPE: ClassVar[str] = WORKSPACE_CHANGED

    workspace_id: str
    seq: int
    change: str
    user_id: str | None = None
    role: WorkspaceRole | None = None


def file_changed(change: Change, item: ItemInfo, to: list[str]) -> Event[FileChanged]:
    """The event of a change of an item."""
    data = FileChanged(change=change, drive_id=item.drive_id, item=item, to=to)
    return Event[FileChanged](source=SOURCE, type=FileChanged.TYPE, subject=item.id, data=data)


def upload_completed(drive_id: str, file_id: str, upload_id: str) -> Event[UploadCompleted]:
    """The event of an upload whose bytes are there."""
    data = UploadCompleted(drive_id=drive_id, file_id=file_id, upload_id=upload_id)
    return Event[UploadCompleted](
        source=SOURCE, type=UploadCompleted.TYPE, subject=file_id, data=data
    )


def item_purged(data: ItemPurged) -> Event[ItemPurged]:
    """The event of an item that was purged."""
    return Event[ItemPurged](source=SOURCE, type=ItemPurged.TYPE, subject=data.item_id, data=data)


def drive_orphaned(drive_id: str) -> Event[DriveOrphaned]:
    """The event of a drive that is nobody's any more."""
    data = DriveOrphaned(drive_id=drive_id)
    return Event[DriveOrphaned](source=SOURCE, type=DriveOrphaned.TYPE, subject=drive_id, data=data)


def image_accepted(drive_id: str, file_id: str, version: int) -> Event[ImageAccepted]:
    """The event of an image that wants thumbnails."""
    data = ImageAccepted(drive_id=drive_id, file_id=file_id, version=version)
    return Event[ImageAccepted](source=SOURCE, type=ImageAccepted.TYPE, subject=file_id, data=data)

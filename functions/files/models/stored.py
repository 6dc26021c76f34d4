"""What files keeps of a drive: one partition for each user and each workspace.

Invariants: the root's `used_bytes` is the sum of all versions and of all uploads that are under way, since
each changes in the transaction that changes it; an item that has a place has a row for its name there, which
is how no two have the same.
"""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from functions.files.models.api import (
    GrantRole,
    ItemInfo,
    UploadInfo,
    UploadState,
)
from functions.files.models.links import LinkRole
from functions.files.names import search_key
from shared_code.records import Stored
from shared_code.roles import WorkspaceRole

_MOST_WORDS = 8
_TOP = "-"
_END_OF_TIME_MS = 10**13


class Drive(Stored):
    """The root: how much there is of everything."""

    PREFIX: ClassVar[str] = "drive"

    drive_id: str
    used_bytes: int = 0
    files: int = 0
    folders: int = 0


class Grant(BaseModel):
    """Somebody with whom an item is shared: a user, or a workspace's members from `least_role` on."""

    model_config = ConfigDict(frozen=True)

    subject_id: str
    role: GrantRole
    least_role: WorkspaceRole | None = None
    granted_by: str
    granted_at: datetime


class Trashed(BaseModel):
    """That an item is in the bin."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    by: str
    purge_at: datetime


class Item(Stored):
    """What files and folders have in common. `request` is the digest of the body under its key."""

    drive_id: str
    item_id: str
    name: str
    folder_id: str | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    revision: int = 1
    grants: tuple[Grant, ...] = ()
    links: tuple[str, ...] = ()
    trashed: Trashed | None = None
    request: str = ""

    @property
    def row_key(self) -> str:
        """Where it stands in the partition."""
        return f"{self.PREFIX}{self.item_id}"

    @property
    def has_place(self) -> bool:
        """Whether it is listed, and holds its name."""
        return self.trashed is None

    @property
    def name_key(self) -> str:
        """The row that holds its name."""
        return name_row(self.folder_id, self.name)

    @property
    def search_keys(self) -> list[str]:
        """The rows by which it is found."""
        return search_rows(search_key(self.name), self.item_id)


class Folder(Item):
    """A folder."""

    PREFIX: ClassVar[str] = "d:"


class Version(Stored):
    """A content that a file has or had. `blob` is its name in the store."""

    PREFIX: ClassVar[str] = "v:"

    file_id: str
    number: int
    blob: str
    size: int
    sha256: str
    content_type: str
    created_by: str
    created_at: datetime
    width: int | None = None
    height: int | None = None
    thumbnails: tuple[int, ...] = ()

    @property
    def row_key(self) -> str:
        """Where it stands in the partition."""
        return version_row(self.file_id, self.number)


class Upload(BaseModel):
    """An upload that is under way, or was rejected. `source` is what a copy is made of.

    `expires_at` is when its address ends; a client that comes back gets another one, until `last_at`.
    """

    model_config = ConfigDict(frozen=True)

    upload_id: str
    version: int
    state: Literal["pending", "checking", "rejected"]
    reason: str | None = None
    size: int
    sha256: str
    content_type: str
    started_by: str
    started_at: datetime
    expires_at: datetime
    last_at: datetime
    source: Version | None = None

    @property
    def is_open(self) -> bool:
        """Whether it holds a part of the quota."""
        return self.state != "rejected"


class File(Item):
    """A file. `content` is its current version, `versions` the number of the last that was begun."""

    PREFIX: ClassVar[str] = "f:"

    content: Version | None = None
    upload: Upload | None = None
    versions: int = 1

    @property
    def state(self) -> UploadState:
        """Available once it has had content; until then the state of its first upload."""
        if self.content or self.upload is None:
            return "available"
        return self.upload.state

    @property
    def has_place(self) -> bool:
        """A file that was never accepted has none."""
        return self.trashed is None and self.state != "rejected"


class Placed(Stored):
    """The row of a name in a folder: it holds the name, and shows the item in lists."""

    PREFIX: ClassVar[str] = "n:"

    info: ItemInfo


class Trash(Stored):
    """The row of an item in the bin, newest first."""

    PREFIX: ClassVar[str] = "b:"

    info: ItemInfo
    trashed_by: str
    trashed_at: datetime
    purge_at: datetime

    @property
    def row_key(self) -> str:
        """Where it stands in the partition."""
        return trash_row(self.info.id, self.trashed_at)


class Link(Stored):
    """A link to an item, in a partition of its own: its downloads are counted there."""

    PREFIX: ClassVar[str] = "link"

    link_id: str
    drive_id: str
    item_id: str
    role: LinkRole
    password_hash: str | None = Field(default=None, repr=False)
    made_by: str
    created_at: datetime
    expires_at: datetime
    downloads: int = 0
    max_downloads: Annotated[int, Field(ge=1)] | None = None
    revoked: bool = False
    request: str = ""


def name_row(folder_id: str | None, name: str) -> str:
    """The row that holds a name in a folder, or at the top of the drive."""
    return f"{names_of(folder_id)}{search_key(name)}"


def names_of(folder_id: str | None) -> str:
    """What the rows of a folder's names begin with."""
    return f"n:{folder_id or _TOP}:"


def search_rows(key: str, item_id: str) -> list[str]:
    """The rows by which an item of this name's key is found: one for each word that it has, up to eight."""
    words = key.split(" ")
    tails = [" ".join(words[at:]) for at in range(min(len(words), _MOST_WORDS))]
    return [f"s:{tail}~{item_id}" for tail in tails]


def version_row(file_id: str, number: int) -> str:
    """The row of a version."""
    return f"v:{file_id}:{number:06d}"


def trash_row(item_id: str, at: datetime) -> str:
    """The row of an item in the bin."""
    return f"b:{_END_OF_TIME_MS - int(at.timestamp() * 1000):013d}:{item_id}"


def info_of(item: Item) -> ItemInfo:
    """An item as clients see it."""
    facts = _facts_of(item) if isinstance(item, File) else {}
    return ItemInfo.model_validate(
        {
            "id": item.item_id,
            "kind": "file" if isinstance(item, File) else "folder",
            "drive_id": item.drive_id,
            "folder_id": item.folder_id,
            "name": item.name,
            "created_by": item.created_by,
            "created_at": item.created_at,
            "updated_at": item.updated_at,
            "revision": item.revision,
            "etag": f'"{item.revision}"',
            "trashed_at": item.trashed.at if item.trashed else None,
            **facts,
        }
    )


def _facts_of(file: File) -> dict[str, object]:
    shown = file.content or file.upload
    facts: dict[str, object] = {"state": file.state}
    if shown:
        facts |= shown.model_dump(include={"size", "content_type", "sha256"})
    if upload := file.upload:
        facts["upload"] = UploadInfo(**upload.model_dump(include=set(UploadInfo.model_fields)))
        facts["reason"] = upload.reason if file.content is None else None
    if content := file.content:
        facts |= content.model_dump(include={"width", "height"})
        facts |= {"version": content.number, "thumbnails": list(content.thumbnails)}
    return facts

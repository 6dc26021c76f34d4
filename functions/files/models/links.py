"""Links: what is asked of them and told of them, over HTTP.

Invariant: who has a link learns nothing of the drive's owner, nor of what is outside of what it opens; a
token stands in bodies alone.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from functions.files.models.api import (
    MAX_PAGE,
    BlockInfo,
    FileId,
    FolderId,
    NewVersion,
    UploadState,
    UploadTarget,
)
from functions.files.names import FileName
from shared_code.clock import Timestamp
from shared_code.endpoint import Model
from shared_code.ids import id_pattern

MAX_LINK_DAYS = 365

type LinkId = Annotated[str, Field(pattern=id_pattern("lnk"))]
type LinkRole = Literal["viewer", "drop"]


class NewLink(Model):
    """What a link opens: `viewer` reads, `drop` puts files into a folder and sees nothing of it."""

    role: LinkRole = "viewer"
    password: Annotated[str, Field(min_length=8, max_length=128)] | None = Field(
        default=None, repr=False
    )
    expires_in: Annotated[int, Field(ge=60, le=MAX_LINK_DAYS * 86_400, description="Seconds.")] = (
        7 * 86_400
    )
    max_downloads: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class LinkInfo(BaseModel):
    """A link, for those who manage the item. `token` is what opens it."""

    id: str
    item_id: str
    role: LinkRole
    token: str = Field(repr=False)
    has_password: bool
    made_by: str
    created_at: Timestamp
    expires_at: Timestamp
    downloads: int
    max_downloads: int | None


class Links(BaseModel):
    """The links of an item that are not over."""

    items: list[LinkInfo]


class LinkAsked(Model):
    """What somebody with a link knows."""

    token: Annotated[str, Field(min_length=1, max_length=200, repr=False)]
    password: Annotated[str, Field(max_length=128)] | None = Field(default=None, repr=False)


class LinkContent(LinkAsked):
    """As LinkAsked; for a page of what is in a linked folder, or in one of its folders."""

    folder_id: FolderId | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50
    cursor: Annotated[str, Field(max_length=2_000)] | None = None


class LinkDownload(LinkAsked):
    """As LinkAsked; which file, where the link is of a folder."""

    file_id: FileId | None = None
    disposition: Literal["attachment", "inline"] = "attachment"


class LinkedItem(BaseModel):
    """A file or folder as whoever has a link sees it."""

    id: str
    kind: Literal["file", "folder"]
    name: str
    size: int | None
    content_type: str | None
    updated_at: Timestamp


class LinkOpened(BaseModel):
    """What a link opens. A drop shows nothing but the folder's name."""

    role: LinkRole
    item: LinkedItem | None
    name: str
    items: list[LinkedItem]
    next: str | None = None


class DropUpload(LinkAsked, NewVersion):
    """A file for somebody's folder. A name that is taken there gets a number."""

    name: FileName


class DroppedFile(BaseModel):
    """A dropped file as whoever dropped it sees it."""

    id: str
    name: str
    size: int
    state: UploadState
    reason: str | None


class DropCreated(BaseModel):
    """A dropped file that waits for its content; `upload` is null when it has got that already."""

    file: DroppedFile
    upload: UploadTarget | None


class DropResumed(BaseModel):
    """How far a dropped upload has got, as in Resumed."""

    file: DroppedFile
    upload: UploadTarget
    blocks: list[BlockInfo]
    committed: int | None


class DropCompletion(LinkAsked):
    """The dropped file whose bytes are there."""

    file_id: FileId

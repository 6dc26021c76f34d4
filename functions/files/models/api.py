"""What files takes and gives over HTTP.

Invariant: an item (a file or a folder) has one shape everywhere: in answers, in lists, in frames.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from functions.files.content_types import ContentType
from functions.files.names import FileName, search_key
from shared_code.clock import Timestamp
from shared_code.endpoint import Model
from shared_code.ids import id_pattern
from shared_code.roles import WorkspaceId, WorkspaceRole

MAX_SIZE = 2**40
"""What a body may say; what a deployment takes is in policy.py."""
MAX_PAGE = 200
_ID = id_pattern("fil")[len("^fil") : -1]

type FileId = Annotated[str, Field(pattern=id_pattern("fil"))]
type FolderId = Annotated[str, Field(pattern=id_pattern("fld"))]
type ItemId = Annotated[str, Field(pattern=f"^(fil|fld){_ID}$")]
type SubjectId = Annotated[str, Field(pattern=f"^(usr|ws){_ID}$")]
type VersionNumber = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}$")]
type ThumbnailSize = Literal["256", "1024"]
type Size = Annotated[int, Field(ge=1, le=MAX_SIZE, description="In bytes.")]
type Sha256 = Annotated[
    str, Field(pattern=r"^[0-9a-f]{64}$", description="Of the whole content, in hexadecimal.")
]
type UploadState = Literal["pending", "checking", "available", "rejected"]
type GrantRole = Literal["viewer", "editor"]
type AccessType = Literal[
    "downloaded",
    "downloaded_by_link",
    "downloaded_in_chat",
    "dropped",
    "shared",
    "unshared",
    "link_made",
    "link_revoked",
]


class NewVersion(Model):
    """What is to be uploaded. The three are promises: content that breaks one is rejected."""

    size: Size
    content_type: ContentType
    sha256: Sha256


class NewFile(NewVersion):
    """A file to be made: in a workspace's drive or one's own, in a folder or at the top."""

    name: FileName
    folder_id: FolderId | None = None
    workspace_id: WorkspaceId | None = None


class NewFolder(Model):
    """A folder to be made."""

    name: FileName
    folder_id: FolderId | None = None
    workspace_id: WorkspaceId | None = None


class ItemChange(Model):
    """What is to change; `folder_id` null moves it to the top of its drive."""

    name: FileName | None = None
    folder_id: FolderId | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("must change something")
        return self


class Copied(Model):
    """Where a copy goes, and what it is called; by default beside the original."""

    name: FileName | None = None
    folder_id: FolderId | None = None
    workspace_id: WorkspaceId | None = None


class UploadInfo(BaseModel):
    """The upload that a file waits for, or that was rejected last."""

    version: int
    state: UploadState
    reason: str | None = None
    size: int
    content_type: str
    expires_at: Timestamp


class ItemInfo(BaseModel):
    """A file or a folder. What only files have is null for a folder.

    `drive_id` is the user or the workspace whose quota it uses; `etag` is what If-Match takes; `revision`
    grows with each change. `state` is that of the first upload until there is content.
    """

    id: str
    kind: Literal["file", "folder"]
    drive_id: str
    folder_id: str | None
    name: str
    created_by: str
    created_at: Timestamp
    updated_at: Timestamp
    revision: int
    etag: str
    trashed_at: Timestamp | None = None
    state: UploadState | None = None
    reason: str | None = None
    size: int | None = None
    content_type: str | None = None
    sha256: str | None = None
    version: int | None = None
    width: int | None = None
    height: int | None = None
    thumbnails: list[int] | None = None
    upload: UploadInfo | None = None


class UploadTarget(BaseModel):
    """Where the bytes go: one PUT of all, or Put Block in parallel and Put Block List.

    `url` opens this one blob until `expires_at`; whoever has it may upload. `block_size` is what to cut a
    large file into.
    """

    url: str
    method: Literal["PUT"] = "PUT"
    headers: dict[str, str]
    block_size: int
    expires_at: Timestamp


class FileCreated(BaseModel):
    """A file that waits for its content; `upload` is null when it has got that already."""

    file: ItemInfo
    upload: UploadTarget | None


class BlockInfo(BaseModel):
    """A block that the store holds; `id` is in Base64, as Put Block had it."""

    id: str
    size: int


class Resumed(BaseModel):
    """How far an upload has got: the blocks that are not committed yet, and how many bytes are."""

    file: ItemInfo
    upload: UploadTarget
    blocks: list[BlockInfo]
    committed: int | None


class PageQuery(BaseModel):
    """Where a page starts and how long it is."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50
    cursor: Annotated[str, Field(max_length=2_000)] | None = None


class DriveQuery(BaseModel):
    """Whose drive: a workspace's, by default one's own."""

    workspace_id: WorkspaceId | None = None


class BinQuery(PageQuery, DriveQuery):
    """A page of a drive's bin."""


def _searched(value: str) -> str:
    if not search_key(value):
        raise ValueError("must hold something to look for")
    return value


class ListQuery(PageQuery, DriveQuery):
    """What to list: a folder, the top of a drive, or all in it with words that begin like `search`."""

    folder_id: FolderId | None = None
    search: Annotated[str, Field(max_length=100), AfterValidator(_searched)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.folder_id and self.search:
            raise ValueError("a search is for a whole drive, not for a folder")
        return self


class TicketQuery(BaseModel):
    """`ticket`: that of a chat message's file, for who has no access otherwise."""

    ticket: Annotated[str, Field(max_length=4_096)] | None = None


class DownloadQuery(TicketQuery):
    """Which version, and how a browser shall take it. With a ticket it is the current version."""

    version: VersionNumber | None = None
    disposition: Literal["attachment", "inline"] = "attachment"


class Download(BaseModel):
    """An address that gives the bytes until `expires_at`; ranges work."""

    url: str
    name: str
    size: int
    content_type: str
    expires_at: Timestamp


class VersionInfo(BaseModel):
    """A version of a file's content."""

    number: int
    size: int
    content_type: str
    sha256: str
    created_by: str
    created_at: Timestamp
    is_current: bool


class BinItem(BaseModel):
    """What is in the bin, and until when."""

    item: ItemInfo
    trashed_by: str
    purge_at: Timestamp


class DriveInfo(BaseModel):
    """How full a drive is. Uploads that are under way, old versions and the bin count."""

    drive_id: str
    used_bytes: int
    quota_bytes: int
    files: int
    folders: int


class GrantChange(Model):
    """As what somebody may use it. `least_role`: for a workspace, who in it; by default everybody."""

    role: GrantRole
    least_role: WorkspaceRole = "guest"


class GrantInfo(BaseModel):
    """Who may use it: a user, or those of a workspace with at least this role."""

    subject_id: str
    role: GrantRole
    least_role: WorkspaceRole | None
    granted_by: str
    granted_at: Timestamp


class Grants(BaseModel):
    """All with whom an item is shared by name."""

    items: list[GrantInfo]


class AccessEntry(BaseModel):
    """Who had access to a file, or was given it. `by` is a user, null for a link's guest."""

    id: str
    at: Timestamp
    type: AccessType
    by: str | None
    details: dict[str, str] = {}

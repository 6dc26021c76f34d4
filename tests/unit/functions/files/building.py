"""Items, versions, uploads, grants and callers for the unit tests of files."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from functions.files.models import File, Folder, Grant, Upload, Version
from functions.files.models.api import GrantRole
from functions.files.models.stored import Trashed
from functions.files.store import blob_of
from shared_code.actor import Actor
from shared_code.ids import derived_id, new_id
from shared_code.roles import WorkspaceRole

AT = datetime(2026, 11, 23, 10, 11, 12, 123_000, tzinfo=UTC)
ANN, BOB = derived_id("usr", "ann"), derived_id("usr", "bob")
WORKSPACE = derived_id("ws", "ours")
SHA256 = "ab" * 32


def actor(user_id: str = ANN, **workspaces: str) -> Actor:
    return Actor(user_id, new_id("ses"), AT, workspaces=workspaces)


def folder(name: str = "Plans", drive_id: str = ANN, **fields: Any) -> Folder:
    return Folder(
        **{
            "drive_id": drive_id,
            "item_id": new_id("fld"),
            "name": name,
            "folder_id": None,
            "created_by": ANN,
            "created_at": AT,
            "updated_at": AT,
            **fields,
        }
    )


def pending(name: str = "plan.png", **fields: Any) -> File:
    """A file that waits for its first content."""
    common = folder(name, item_id=new_id("fil")).model_dump()
    return File(**{**common, "upload": upload(), **fields})


def available(name: str = "plan.png", **fields: Any) -> File:
    """A file with content, and without an upload."""
    file = pending(name, **{"upload": None, **fields})
    return file.model_copy(update={"content": version(file.item_id)})


def upload(
    state: Literal["pending", "checking", "rejected"] = "pending",
    number: int = 1,
    reason: str | None = None,
    size: int = 500,
) -> Upload:
    return Upload(
        upload_id=new_id("upl"),
        version=number,
        state=state,
        reason=reason,
        size=size,
        sha256=SHA256,
        content_type="image/png",
        started_by=ANN,
        started_at=AT,
        expires_at=AT + timedelta(minutes=15),
        last_at=AT + timedelta(days=1),
    )


def version(file_id: str, number: int = 1) -> Version:
    return Version(
        file_id=file_id,
        number=number,
        blob=blob_of(ANN, file_id, new_id("upl")),
        size=400,
        sha256="cd" * 32,
        content_type="image/jpeg",
        created_by=ANN,
        created_at=AT,
        width=40,
        height=30,
        thumbnails=(256, 1024),
    )


def grant(
    subject_id: str, role: GrantRole = "viewer", least_role: WorkspaceRole | None = None
) -> Grant:
    return Grant(
        subject_id=subject_id, role=role, least_role=least_role, granted_by=BOB, granted_at=AT
    )


def trashed(at: datetime = AT) -> Trashed:
    return Trashed(at=at, by=ANN, purge_at=at + timedelta(days=30))

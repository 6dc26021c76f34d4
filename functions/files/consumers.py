"""Files' triggers without HTTP: uploads to check, images, what is purged or erased.

Invariant: thin. Each hands what came to one function.
"""

import azure.functions as func

from functions.files import store
from functions.files.api import blueprint
from functions.files.commands import checking, erasing, purging, thumbnails
from functions.files.events import (
    AccountErased,
    DriveOrphaned,
    ImageAccepted,
    ItemPurged,
    UploadCompleted,
    WorkspaceChanged,
)
from shared_code.messaging import Event, consumes
from shared_code.messaging.topology import (
    FILES_ACCOUNTS,
    FILES_CHECKS,
    FILES_ERASURES,
    FILES_PURGES,
    FILES_WORKSPACES,
)
from shared_code.work_queue import taken


@consumes(blueprint, FILES_CHECKS, UploadCompleted)
async def check_upload(event: Event[UploadCompleted]) -> None:
    """Check an upload, and make it available or reject it."""
    await checking.check(event.data)


@blueprint.queue_trigger("message", store.THUMBNAILS, store.SETTING)
async def make_thumbnails(message: func.QueueMessage) -> None:
    """Make the small images of an image."""
    await thumbnails.make(taken(message, ImageAccepted).data)


@consumes(blueprint, FILES_PURGES, ItemPurged)
async def follow_purged_item(event: Event[ItemPurged]) -> None:
    """Remove what is left of an item that was purged, and what was in it."""
    await purging.follow(event.data)


@consumes(blueprint, FILES_ERASURES, DriveOrphaned)
async def erase_orphaned_drive(event: Event[DriveOrphaned]) -> None:
    """Erase a drive that is nobody's any more, step by step."""
    await erasing.erase(event.data.drive_id)


@consumes(blueprint, FILES_ACCOUNTS, AccountErased)
async def forget_account_in_files(event: Event[AccountErased]) -> None:
    """Have the files of an account erased."""
    await erasing.forget_account(event.data.user_id)


@consumes(blueprint, FILES_WORKSPACES, WorkspaceChanged)
async def follow_workspaces_in_files(event: Event[WorkspaceChanged]) -> None:
    """Keep who is in a workspace, and have the files of an erased one erased."""
    await erasing.follow_workspace(event.data)

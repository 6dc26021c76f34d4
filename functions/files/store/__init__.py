"""Everything that files stores, and every query of it; tables.py lists the tables and containers.

| module | holds |
|---|---|
| drives.py | drives: files, folders, versions, names, the bin |
| blobs.py, addresses.py | the bytes, and addresses for strangers |
| index.py | where an item is, and what is shared with whom |
| links.py, access.py | links; the access logs |
| due.py, scan.py | what is to be looked at when; how far the sweep of orphans is |
| outboxes.py | events that wait to be told |

Invariant: a row that says that bytes are there is written after them, and removed before them.
"""

from functions.files.models.stored import trash_row, version_row
from functions.files.store.access import erase_access, note_access, read_access
from functions.files.store.addresses import read_url, upload_url
from functions.files.store.blobs import (
    ChangedMeanwhile,
    Stored,
    Unreadable,
    Uploaded,
    accept,
    blob_of,
    blocks,
    bury,
    dig_up,
    duplicate,
    exists,
    folder_of,
    hold,
    listed,
    pieces,
    remove,
    remove_drive,
    save_thumbnail,
    size_of,
    thumbnail_of,
    uploaded,
)
from functions.files.store.drives import (
    Change,
    DriveRecord,
    add_versions,
    erase_drive,
    erase_items,
    folders_of,
    item_row,
    items_of,
    put_item,
    read_bin,
    read_drive,
    read_item,
    read_names,
    read_version,
    read_versions,
    remove_item,
    search_names,
)
from functions.files.store.due import Due, done, due, plan
from functions.files.store.index import (
    claim_drive,
    drive_with,
    forget_copy,
    forget_drive,
    forget_share,
    note_share,
    shared_with,
)
from functions.files.store.links import (
    count_download,
    create_link,
    delete_link,
    read_link,
    revoke_link,
)
from functions.files.store.members import forget_member, keep_member, role_of
from functions.files.store.outboxes import walker
from functions.files.store.scan import read_mark, versions_after, write_mark
from functions.files.store.tables import (
    ACCESS,
    ACTIVITY,
    CONTENT,
    DRIVES,
    DUE,
    INDEX,
    LIMITS,
    LINKS,
    MEMBERS,
    QUARANTINE,
    SETTING,
    SHARES,
    THUMBNAILS,
)
from shared_code import work_queue
from shared_code.messaging import Event, EventData
from shared_code.settings import optional_setting
from shared_code.storage import (
    allow_origins,
    create_container,
    create_queues,
    create_tables,
    reach_table,
)

__all__ = [
    "CONTENT",
    "LIMITS",
    "QUARANTINE",
    "SETTING",
    "THUMBNAILS",
    "Change",
    "ChangedMeanwhile",
    "DriveRecord",
    "Due",
    "Stored",
    "Unreadable",
    "Uploaded",
    "accept",
    "add_versions",
    "blob_of",
    "blocks",
    "bury",
    "claim_drive",
    "count_download",
    "create_link",
    "delete_link",
    "dig_up",
    "done",
    "drive_with",
    "due",
    "duplicate",
    "erase_access",
    "erase_drive",
    "erase_items",
    "exists",
    "folder_of",
    "folders_of",
    "forget_copy",
    "forget_drive",
    "forget_member",
    "forget_share",
    "hold",
    "item_row",
    "items_of",
    "keep_member",
    "listed",
    "make_thumbnails_soon",
    "note_access",
    "note_share",
    "pieces",
    "plan",
    "provision",
    "put_item",
    "reach",
    "read_access",
    "read_bin",
    "read_drive",
    "read_item",
    "read_link",
    "read_mark",
    "read_names",
    "read_url",
    "read_version",
    "read_versions",
    "remove",
    "remove_drive",
    "remove_item",
    "revoke_link",
    "role_of",
    "save_thumbnail",
    "search_names",
    "shared_with",
    "size_of",
    "thumbnail_of",
    "trash_row",
    "upload_url",
    "uploaded",
    "version_row",
    "versions_after",
    "walker",
    "write_mark",
]

_THUMBNAILS_KEPT_SECONDS = 7 * 86_400


async def reach() -> None:
    """Raise AzureError unless the tables answer. One round trip."""
    await reach_table(SETTING, DRIVES)


async def make_thumbnails_soon[Data: EventData](accepted: Event[Data]) -> None:
    """Have an image's thumbnails made. One round trip."""
    await work_queue.put(SETTING, THUMBNAILS, accepted, 0, _THUMBNAILS_KEPT_SECONDS)


async def provision() -> None:
    """Make the tables, the containers and the queue, and let browsers of `FILES_CORS_ORIGINS` in."""
    await create_tables(
        SETTING, DRIVES, INDEX, SHARES, LINKS, MEMBERS, ACCESS, DUE, LIMITS, ACTIVITY
    )
    await create_container(SETTING, QUARANTINE)
    await create_container(SETTING, CONTENT)
    await create_queues(SETTING, THUMBNAILS)
    if origins := optional_setting("FILES_CORS_ORIGINS"):
        await allow_origins(SETTING, origins)

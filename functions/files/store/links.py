"""Links: each a partition of its own, because its downloads are counted there.

Invariant: a download is counted before it is given, on the condition that the link is as it was read; so of
any number of tries at once no more pass than the link allows.
"""

from collections.abc import Callable

from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from functions.files.models import Link
from functions.files.store.tables import LINKS, SETTING
from shared_code.storage import find, table, unchanged


async def create_link(link: Link) -> bool:
    """Write a new link; False when it is there. One round trip."""
    row = {"PartitionKey": link.link_id, "RowKey": Link.PREFIX, "value": link.model_dump_json()}
    try:
        await table(SETTING, LINKS).create_entity(row)
    except ResourceExistsError:
        return False
    return True


async def read_link(link_id: str) -> Link | None:
    """A link, or None. One round trip."""
    row = await find(table(SETTING, LINKS), link_id, Link.PREFIX)
    return Link.model_validate_json(row["value"]) if row else None


async def revoke_link(link_id: str) -> None:
    """End a link. Its row stays, so that a repeat of what made it makes no other. Two round trips."""
    await _changed(link_id, lambda link: link.model_copy(update={"revoked": True}))


async def delete_link(link_id: str) -> None:
    """Remove a link that is over, or whose item has gone. One round trip."""
    await table(SETTING, LINKS).delete_entity(link_id, Link.PREFIX)


async def count_download(link_id: str) -> bool:
    """Count one more download; False when there may be none. Two round trips, more in a race."""

    def counted(link: Link) -> Link | None:
        if link.revoked or link.downloads >= (link.max_downloads or float("inf")):
            return None
        return link.model_copy(update={"downloads": link.downloads + 1})

    return await _changed(link_id, counted)


async def _changed(link_id: str, change: Callable[[Link], Link | None]) -> bool:
    """Write what the change makes of a link as it is; False when it makes nothing, or there is none."""
    while True:
        row = await find(table(SETTING, LINKS), link_id, Link.PREFIX)
        after = change(Link.model_validate_json(row["value"])) if row else None
        if row is None or after is None:
            return False
        row["value"] = after.model_dump_json()
        try:
            await table(SETTING, LINKS).update_entity(row, **unchanged(row))
        except ResourceModifiedError:
            continue
        except ResourceNotFoundError:
            return False
        return True

"""One limit and key's row: how it is read, and written on the condition that it is as it was.

    PK SHA-256 of the key (a key is a stranger's text), RK the limit's name
    log    the uses that count                until   when none does, in milliseconds since 1970
    write  a random name of the last write: after an unknown outcome it tells whether it was ours

Invariant: a row whose log is empty is deleted, so that what succeeds leaves nothing behind.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from shared_code.limits.log import EMPTY, Limit, Log, parsed
from shared_code.storage import find, int64

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.data.tables.aio import TableClient

_WRITE_BYTES = 9


@dataclass(frozen=True)
class Place:
    """Where a limit and a key are counted."""

    limit: Limit
    partition: str


def place_of(limit: Limit, key: str) -> Place:
    """The place of a key, which may be any text."""
    return Place(limit, hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest())


@dataclass(frozen=True)
class Row:
    """A row as it was last known; without `etag` there is none."""

    log: Log = EMPTY
    etag: str | None = None
    write: str = ""


class RowChanged(Exception):
    """Somebody else wrote meanwhile, or our own write came twice."""


def new_write() -> str:
    """A name for a write."""
    return secrets.token_urlsafe(_WRITE_BYTES)


async def read(rows: "TableClient", place: Place) -> Row:
    """The row as it is. One round trip."""
    found = await find(rows, place.partition, place.limit.name)
    if found is None:
        return Row()
    return Row(parsed(found["log"]), found.metadata["etag"], found["write"])


async def replace(rows: "TableClient", place: Place, row: Row, log: Log, write: str) -> Row:
    """Write a new log where `row` stands. One round trip. Raises RowChanged."""
    try:
        if log.entries:
            return Row(log, await _put(rows, _entity(place, log, write), row.etag), write)
        await rows.delete_entity(place.partition, place.limit.name, **_unchanged(row.etag))
    except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError) as error:
        raise RowChanged from error
    return Row()


async def _put(rows: "TableClient", entity: dict[str, Any], etag: str | None) -> str:
    if etag is None:
        written = await rows.create_entity(entity)
    else:
        written = await rows.update_entity(entity, mode="replace", **_unchanged(etag))
    return str(written["etag"])


def _unchanged(etag: str | None) -> dict[str, Any]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def _entity(place: Place, log: Log, write: str) -> dict[str, Any]:
    return {
        "PartitionKey": place.partition,
        "RowKey": place.limit.name,
        "log": log.text(),
        "until": int64(log.until(place.limit)),
        "write": write,
    }

"""A drive's partition: all that is kept of the files of a user or of a workspace.

| RowKey | |
|---|---|
| `drive` | the root: bytes used, numbers of files and folders |
| `f:<file id>`, `d:<folder id>` | a file with its current version and the upload under way; a folder |
| `v:<file id>:<number>` | a version of a file |
| `n:<folder id or ->:<name's key>` | the name of an item in a folder, with the item as lists show it |
| `s:<name's key from a word on>~<item id>` | by which a search finds it |
| `b:<reversed time>:<item id>` | the bin, newest first |
| `out:<event id>` | an event that may not have been told (shared_code/outbox) |

Invariants: every change holds the root, so those of one drive are one after the other; an item and the rows
made of it change together (`put_item`).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from functions.files.models import (
    Drive,
    File,
    Folder,
    Item,
    ItemInfo,
    Placed,
    Trash,
    Version,
    info_of,
)
from functions.files.models.stored import names_of, search_rows, trash_row, version_row
from functions.files.names import search_key
from functions.files.store.outboxes import ledger, outbox
from functions.files.store.tables import DRIVES, SETTING
from shared_code import records
from shared_code.partition import Partition
from shared_code.records import Record, Stored, Telling

_KINDS: tuple[type[Stored], ...] = (Drive, File, Folder, Version, Placed, Trash)
_ROWS = 100
_MOST_LOOKED_AT = 2_000
_BEFORE_PAIRS, _FIRST_PAIR = 0xD7FF, 0x10000


class DriveRecord(Record):
    """What was read of a drive. One that has never held anything has no root, and an empty one is taken."""

    ROOT: ClassVar[str] = Drive.PREFIX

    @property
    def partition(self) -> Partition:
        """The drive's partition."""
        return _partition(self.key)

    @property
    def drive(self) -> Drive:
        """The root."""
        return cast("Drive", self.rows.get(Drive.PREFIX) or Drive(drive_id=self.key))

    def item(self, item_id: str) -> Item | None:
        """A file or folder whose row was read."""
        return cast("Item | None", self.rows.get(item_row(item_id)))


class Change(records.Change):
    """What is to be written in a drive."""

    AUDIT = logging.getLogger("atrium.files.audit")

    def __init__(self, record: DriveRecord) -> None:
        """A change of what was read, which holds the root."""
        super().__init__(record, Telling(ledger(), outbox()))


def item_row(item_id: str) -> str:
    """The row of a file or a folder."""
    return f"{(File if item_id.startswith('fil_') else Folder).PREFIX}{item_id}"


async def read_drive(drive_id: str, *row_keys: str) -> DriveRecord:
    """The root and these rows, as far as they exist. As many round trips as rows, side by side."""
    record, partition = DriveRecord(drive_id), _partition(drive_id)
    keys = dict.fromkeys((Drive.PREFIX, *row_keys))  # each once
    for row in filter(None, await asyncio.gather(*(partition.find(key) for key in keys))):
        record.add(row, _kind_of(row["RowKey"]))
    return record


async def read_item(drive_id: str, item_id: str) -> Item | None:
    """A file or folder, or None. One round trip."""
    row = await _partition(drive_id).find(item_row(item_id))
    return cast("Item", _parsed(row)) if row else None


def _kind_of(row_key: str) -> type[Stored]:
    return next(each for each in _KINDS if row_key.startswith(each.PREFIX))


def _parsed(row: Any) -> Stored:
    return _kind_of(row["RowKey"]).model_validate_json(row["value"])


def put_item(change: Change, before: Item | None, after: Item) -> None:
    """Write an item, and what is made of it: its place under its name, and the rows of the search.

    A place that is taken meanwhile makes the change fail.
    """
    kept = before is not None and before.has_place
    stays = kept and after.has_place and before is not None and before.name_key == after.name_key
    if before and kept and not stays:
        change.drop(before.name_key)
    if after.has_place:
        _place(change, after, is_new=not stays)
    old = set(before.search_keys) if before and kept else set()
    new = set(after.search_keys) if after.has_place else set()
    change.drop(*sorted(old - new))
    named_anew = not (before and kept and before.name == after.name)
    for row_key in sorted(new if named_anew else ()):
        change.set(row_key, item_id=after.item_id, name=search_key(after.name))
    change.put(after)


def _place(change: Change, item: Item, *, is_new: bool) -> None:
    value = Placed(info=info_of(item)).model_dump_json()
    if is_new:
        change.insert(item.name_key, value=value)
    else:
        change.set(item.name_key, value=value)


def remove_item(change: Change, item: Item) -> None:
    """Delete an item, and what is made of it."""
    if item.has_place:
        change.drop(item.name_key, *item.search_keys)
    if item.trashed:
        change.drop(trash_row(item.item_id, item.trashed.at))
    change.drop(item.row_key)


async def read_names(
    drive_id: str, folder_id: str | None, after: str | None, limit: int
) -> list[tuple[str, ItemInfo]]:
    """Up to `limit` items of a folder behind the name's key `after`, by name. One query."""
    found = await _page(drive_id, names_of(folder_id), after, limit)
    return [(key, cast("Placed", row).info) for key, row in found]


async def _page(
    drive_id: str, prefix: str, after: str | None, limit: int
) -> list[tuple[str, Stored]]:
    """Up to `limit` rows whose keys begin so, behind that with the rest `after`: the rest, the row."""
    found: list[tuple[str, Stored]] = []
    async for row in _behind(drive_id, prefix, after, limit):
        found.append((row["RowKey"].removeprefix(prefix), _parsed(row)))
        if len(found) == limit:
            break
    return found


@dataclass(frozen=True)
class Hits:
    """What a search found: ids of items, and where it is to go on, None at the end."""

    items: list[str]
    next: str | None


async def search_names(drive_id: str, words: str, after: str | None, limit: int) -> Hits:
    """Up to `limit` items whose name has words that begin like these; in the order of the longest one.

    A query for each 100 names with such a word; after 2,000 of them it stops, and is to be gone on with.
    """
    first, *others = sorted(search_key(words).split(" "), key=len, reverse=True)
    prefix, items, looked_at = f"s:{first}", list[str](), 0
    async for row in _behind(drive_id, prefix, after, _ROWS):
        if len(items) == limit or looked_at == _MOST_LOOKED_AT:
            return Hits(items, after)
        looked_at += 1
        after = row["RowKey"].removeprefix(prefix)
        if _has_all(row["name"], others) and _is_first(row, prefix):
            items.append(row["item_id"])
    return Hits(items, None)


def _is_first(row: Any, prefix: str) -> bool:
    """Whether no earlier row finds the same item: a name may have two words that begin so."""
    rows = (each for each in search_rows(row["name"], row["item_id"]) if each.startswith(prefix))
    return bool(min(rows) == row["RowKey"])


def _has_all(name: str, beginnings: Iterable[str]) -> bool:
    return all(f" {each}" in f" {name}" for each in beginnings)


async def _behind(drive_id: str, prefix: str, after: str | None, limit: int) -> AsyncIterator[Any]:
    start = f"{prefix}{after or ''}"
    async for row in _partition(drive_id).rows(start, _behind_all(prefix), limit + 1):
        if after is None or row["RowKey"] != start:
            yield row


def _behind_all(prefix: str) -> str:
    """What comes after all keys that begin so: the store sorts by UTF-16, where no surrogate stands alone."""
    last = ord(prefix[-1])
    return prefix[:-1] + chr(_FIRST_PAIR if last == _BEFORE_PAIRS else last + 1)


async def read_bin(drive_id: str, after: str | None, limit: int) -> list[tuple[str, Trash]]:
    """Up to `limit` items of the bin behind the key `after`, newest first. One query."""
    found = await _page(drive_id, Trash.PREFIX, after, limit)
    return [(key, cast("Trash", row)) for key, row in found]


async def read_versions(drive_id: str, file_id: str) -> list[Version]:
    """All versions that are kept of a file, oldest first. One query."""
    return await add_versions(DriveRecord(drive_id), file_id)


async def read_version(drive_id: str, file_id: str, number: int) -> Version | None:
    """A version of a file, or None. One round trip."""
    row = await _partition(drive_id).find(version_row(file_id, number))
    return cast("Version", _parsed(row)) if row else None


async def add_versions(record: DriveRecord, file_id: str) -> list[Version]:
    """Read all versions of a file into the record; oldest first. One query."""
    first, end = version_row(file_id, 0), version_row(file_id, 999_999)
    async for row in record.partition.rows(first, end):
        record.add(row, Version)
    return [each for each in record.rows.values() if isinstance(each, Version)]


async def items_of(drive_id: str) -> AsyncIterator[Item]:
    """All items of a drive, files last. A query for each 1,000."""
    async for folder in folders_of(drive_id):
        yield folder
    async for row in _partition(drive_id).rows(File.PREFIX, _behind_all(File.PREFIX)):
        yield cast("File", _parsed(row))


async def folders_of(drive_id: str) -> AsyncIterator[Folder]:
    """All folders of a drive, those in the bin too. A query for each 1,000."""
    async for row in _partition(drive_id).rows(Folder.PREFIX, _behind_all(Folder.PREFIX)):
        yield cast("Folder", _parsed(row))


async def erase_items(drive_id: str, items: Iterable[Item]) -> None:
    """Delete the rows of at most 100 items; what is made of them stays for `erase_drive`. One round trip."""
    rows = [{"PartitionKey": drive_id, "RowKey": each.row_key} for each in items]
    if rows:
        await _partition(drive_id).submit([("delete", row) for row in rows])


async def erase_drive(drive_id: str) -> None:
    """Delete everything in the partition, the root last. A query, and a call for each 100 rows."""
    await _partition(drive_id).erase(last=Drive.PREFIX)


def _partition(key: str) -> Partition:
    return Partition(SETTING, DRIVES, key)

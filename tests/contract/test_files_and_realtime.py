"""Files publishes what its contracts say, and realtime gives on all of an item, without shared code."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from functions.files import events
from functions.files.commands import purging
from functions.files.events import (
    DriveOrphaned,
    FileChanged,
    ImageAccepted,
    ItemPurged,
    UploadCompleted,
)
from functions.files.models import File, Item, info_of
from functions.realtime import commands
from functions.realtime import models as realtime
from shared_code.ids import derived_id, new_id
from shared_code.messaging import Event
from shared_code.messaging.reading import read
from tests.contract.contracts import loaded, name_of, samples, schema, validator
from tests.unit.functions.files.building import (
    ANN,
    BOB,
    WORKSPACE,
    available,
    folder,
    grant,
    pending,
    trashed,
    upload,
    version,
)

CHANGED = FileChanged.TYPE
CHANGES = get_args(events.Change.__value__)
FILE, FOLDER = derived_id("fil", "a"), derived_id("fld", "a")
UPLOAD, LINK = derived_id("upl", "a"), derived_id("lnk", "a")
ITEMS: dict[str, Item] = {
    "folder": folder("x" * 255),
    "folder in the bin": folder(trashed=trashed(), folder_id=FOLDER),
    "pending": pending("🜁" * 255),
    "dropped": pending(created_by=new_id("lnk")),
    "checking": pending(upload=upload("checking")),
    "available": available(),
    "available, in the bin": available(trashed=trashed()),
    "rejected": pending(upload=upload("rejected", reason="malware")),
    "later upload": available(upload=upload(number=2), drive_id=WORKSPACE),
    "later one rejected": available(upload=upload("rejected", 2, "archive_too_large")),
}


def _purged(item: Item) -> ItemPurged:
    kept = [version(item.item_id)] if isinstance(item, File) and item.content else []
    return purging._purged(item, kept)


def raw(event: Event[Any]) -> dict[str, Any]:
    """The event as it leaves."""
    found: dict[str, Any] = json.loads(event.model_dump_json())
    return found


@pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS)
@pytest.mark.parametrize("change", CHANGES)
def test_what_files_publishes_of_an_item_is_what_the_contract_says(
    change: events.Change, item: Item
) -> None:
    to = [] if item.drive_id == WORKSPACE else sorted([ANN, BOB])
    validator(CHANGED).validate(raw(events.file_changed(change, info_of(item), to)))


def test_files_publishes_no_field_that_the_contract_does_not_name() -> None:
    definitions = schema(CHANGED)["$defs"]
    item = raw(events.file_changed("created", info_of(ITEMS["pending"]), [ANN]))["data"]["item"]
    assert set(item) == set(definitions["item"]["properties"])
    assert set(item["upload"]) == set(definitions["upload"]["properties"])


def test_each_change_is_named_in_the_contract() -> None:
    said = schema(CHANGED)["properties"]["data"]["properties"]["change"]["description"]
    assert [each for each in CHANGES if f"`{each}`" not in said] == []


@pytest.mark.parametrize(
    "event",
    [
        events.upload_completed(ANN, FILE, UPLOAD),
        events.upload_completed(WORKSPACE, FILE, UPLOAD),
        events.item_purged(_purged(available(grants=(grant(BOB),), links=(LINK,)))),
        events.item_purged(_purged(pending())),
        events.item_purged(_purged(folder(drive_id=WORKSPACE))),
        events.drive_orphaned(ANN),
        events.drive_orphaned(WORKSPACE),
        events.image_accepted(WORKSPACE, FILE, 12),
    ],
    ids=lambda event: str(event.type),
)
def test_what_files_tells_itself_is_what_the_contract_says(event: Event[Any]) -> None:
    validator(event.type).validate(raw(event))


@pytest.mark.parametrize(
    "kind", [FileChanged, UploadCompleted, ItemPurged, DriveOrphaned, ImageAccepted]
)
def test_files_reads_every_valid_sample_of_its_own_events(kind: type[Any]) -> None:
    for path in samples(kind.TYPE, "valid"):
        if "later" not in path.stem:
            assert raw(read(path.read_bytes(), kind))["data"] == loaded(path)["data"]


@pytest.mark.parametrize("path", samples(CHANGED, "valid"), ids=name_of)
def test_realtime_gives_on_every_valid_sample_whole(path: Path) -> None:
    event, sent = read(path.read_bytes(), realtime.FileChanged), loaded(path)["data"]
    frames = [json.loads(each["data"]) for each in commands.file_frames(event.data)]
    wanted = {"type": f"file.{sent['change']}", "drive_id": sent["drive_id"], "item": sent["item"]}
    assert frames == [wanted] * (len(sent["to"]) or 1)

"""What a drive may hold, and where an item may go: on records that were never read from a store."""

import json
from typing import Any

import pytest

from functions.files import policy
from functions.files.commands.changing import (
    check_place,
    counted,
    current,
    renewed,
    revised,
    rows_of_place,
    tell,
)
from functions.files.errors import DriveFull, FileNotFound, InBin, NameTaken, QuotaExceeded
from functions.files.models import Drive, Item, Placed, info_of
from functions.files.store import Change, DriveRecord, item_row
from shared_code.errors import PreconditionFailed
from shared_code.ids import new_id
from shared_code.records import Stored
from tests.unit.functions.files.building import (
    ANN,
    AT,
    BOB,
    WORKSPACE,
    available,
    folder,
    pending,
    trashed,
    upload,
)

GIB = policy.GIB


def record(*rows: Stored, key: str = ANN, **numbers: int) -> DriveRecord:
    """A drive of which these rows were read, beside a root with these numbers."""
    root = Drive(drive_id=key, **numbers)
    return DriveRecord(key, rows={each.row_key: each for each in (root, *rows)})


def numbered(kind: str, number: int) -> DriveRecord:
    """A drive with so many files or folders."""
    root = Drive(drive_id=ANN).model_copy(update={kind: number})
    return DriveRecord(ANN, rows={root.row_key: root})


def written(change: Change, row_key: str = "drive") -> dict[str, Any]:
    operation = change._operations[row_key]
    found: dict[str, Any] = json.loads(operation[1]["value"])
    return found


def told(change: Change) -> list[dict[str, Any]]:
    """The data of the events of a change."""
    rows = [each[1] for key, each in change._operations.items() if key.startswith("out:")]
    bodies = [
        next(value for value in row.values() if '"specversion"' in str(value)) for row in rows
    ]
    return [json.loads(body)["data"] for body in bodies]


def test_what_comes_and_goes_is_counted_in_the_root() -> None:
    drive = record(used_bytes=100, files=2, folders=3)
    change = Change(drive)
    counted(drive, change, used_bytes=50, files=1)
    assert written(change) == {"drive_id": ANN, "used_bytes": 150, "files": 3, "folders": 3}
    change = Change(drive)
    counted(drive, change, used_bytes=-100, folders=-1)
    assert written(change) == {"drive_id": ANN, "used_bytes": 0, "files": 2, "folders": 2}


def test_a_drive_that_never_held_anything_counts_from_nothing() -> None:
    drive = DriveRecord(ANN)
    change = Change(drive)
    counted(drive, change, folders=1)
    assert written(change)["folders"] == 1


@pytest.mark.parametrize(("key", "quota"), [(ANN, 10 * GIB), (WORKSPACE, 100 * GIB)])
def test_the_quota_can_be_used_to_its_last_byte_and_no_further(key: str, quota: int) -> None:
    drive = record(key=key, used_bytes=quota - 10)
    counted(drive, Change(drive), used_bytes=10, files=1)
    change = Change(drive)
    with pytest.raises(QuotaExceeded, match=rf"^10 of {quota} bytes"):
        counted(drive, change, used_bytes=11, files=1)
    assert not change._operations


def test_a_drive_above_a_quota_that_was_lowered_can_be_emptied_and_arranged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FILES_USER_QUOTA", "5")
    drive = record(used_bytes=100, files=2)
    counted(drive, Change(drive), used_bytes=-10, files=-1)
    counted(drive, Change(drive), folders=1)
    with pytest.raises(QuotaExceeded, match=r"^0 of 5 bytes"):
        counted(drive, Change(drive), used_bytes=1)


@pytest.mark.parametrize(
    ("kind", "most"), [("files", policy.MAX_FILES), ("folders", policy.MAX_FOLDERS)]
)
def test_files_and_folders_have_an_end(kind: str, most: int) -> None:
    drive = numbered(kind, most - 1)
    counted(drive, Change(drive), **{kind: 1})
    full = numbered(kind, most)
    with pytest.raises(DriveFull):
        counted(full, Change(full), **{kind: 1})
    counted(full, Change(full), **{kind: -1})


def test_a_free_name_at_the_top_or_in_a_folder_is_a_place() -> None:
    above = folder()
    check_place(record(), pending())
    check_place(record(above), pending(folder_id=above.item_id))
    inside = pending(folder_id=above.item_id)
    assert rows_of_place(inside) == [inside.name_key, item_row(above.item_id)]
    assert rows_of_place(pending("a")) == ["n:-:a"]


def test_a_name_that_looks_like_one_that_is_there_is_taken() -> None:
    there, wanted = folder("Plan"), pending("PLAN")
    drive = DriveRecord(ANN, rows={there.name_key: Placed(info=info_of(there))})
    with pytest.raises(NameTaken):
        check_place(drive, wanted)


@pytest.mark.parametrize(
    ("above", "error"),
    [
        (None, FileNotFound),
        (folder(trashed=trashed()), InBin),
    ],
    ids=["gone", "in the bin"],
)
def test_a_folder_that_is_gone_or_in_the_bin_is_no_place(
    above: Item | None, error: type[Exception]
) -> None:
    wanted = pending(folder_id=above.item_id if above else new_id("fld"))
    with pytest.raises(error):
        check_place(record(*([above] if above else [])), wanted)


def test_a_file_is_no_folder() -> None:
    file = available()
    with pytest.raises(FileNotFound):
        check_place(record(file), pending(folder_id=file.item_id))


def test_the_item_as_it_is_now_is_what_is_changed() -> None:
    before = pending()
    now = revised(before, name="other.png")
    assert current(record(now), before) == now
    assert current(record(now), before, "2") == now
    with pytest.raises(PreconditionFailed, match='"2"'):
        current(record(now), before, "1")
    with pytest.raises(FileNotFound):
        current(record(), before)


def test_each_change_is_the_next_revision_and_some_tell_their_time() -> None:
    before = folder(revision=4)
    assert (revised(before).revision, revised(before).updated_at) == (5, AT)
    assert renewed(before).revision == 5
    assert renewed(before).updated_at > AT


def test_of_a_personal_drive_its_owner_hears_and_whoever_uploads_into_it() -> None:
    change = Change(record())
    tell(change, "created", pending(upload=upload().model_copy(update={"started_by": BOB})))
    [data] = told(change)
    assert data["to"] == sorted([ANN, BOB])
    assert (data["change"], data["drive_id"]) == ("created", ANN)


def test_who_has_uploaded_hears_the_verdict_and_of_no_change_after_it() -> None:
    file = available()
    assert file.content
    file = file.model_copy(
        update={"content": file.content.model_copy(update={"created_by": BOB}), "created_by": BOB}
    )
    verdict, later = Change(record()), Change(record())
    tell(verdict, "available", file)
    tell(later, "changed", file)
    assert told(verdict)[0]["to"] == sorted([ANN, BOB])
    assert told(later)[0]["to"] == [ANN]


def test_a_stranger_with_a_link_is_no_user_who_hears() -> None:
    change = Change(record())
    link = new_id("lnk")
    dropped = pending(created_by=link, upload=upload().model_copy(update={"started_by": link}))
    tell(change, "created", dropped)
    assert told(change)[0]["to"] == [ANN]


def test_of_a_workspace_s_drive_nobody_is_named() -> None:
    change = Change(record(key=WORKSPACE))
    tell(change, "created", pending(drive_id=WORKSPACE))
    assert told(change)[0]["to"] == []

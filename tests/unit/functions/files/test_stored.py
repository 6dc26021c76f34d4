"""What is made of an item: its rows' keys, and the one shape in which all clients see it."""

from datetime import timedelta

import pytest

from functions.files.models import File, Item, info_of
from functions.files.models.stored import names_of, trash_row, version_row
from functions.files.names import search_key
from functions.files.store import blob_of, folder_of, thumbnail_of
from shared_code.ids import new_id
from tests.unit.functions.files.building import (
    ANN,
    AT,
    SHA256,
    available,
    folder,
    pending,
    trashed,
    upload,
    version,
)

REJECTED = upload("rejected", reason="malware")
LATER = upload("rejected", 2, "sha256_mismatch")


def test_names_that_look_alike_have_one_row_in_a_folder_and_others_in_another() -> None:
    here, there = folder(), folder()
    one = pending("Plan.PNG", folder_id=here.item_id)
    assert one.name_key == f"n:{here.item_id}:plan.png"
    assert pending("plan.png", folder_id=here.item_id).name_key == one.name_key
    assert pending("plan.png", folder_id=there.item_id).name_key != one.name_key
    assert folder("PLAN.png", folder_id=here.item_id).name_key == one.name_key


def test_the_top_of_a_drive_is_no_folder_s_place() -> None:
    assert pending("a").name_key == "n:-:a"
    assert names_of(None) == "n:-:"
    assert names_of("fld_1") == "n:fld_1:"


def test_an_item_is_found_by_each_of_its_first_eight_words() -> None:
    item = pending("Plan of the NEW house.png")
    tails = ["plan of the new house.png", "of the new house.png", "the new house.png"]
    tails += ["new house.png", "house.png"]
    assert item.search_keys == [f"s:{tail}~{item.item_id}" for tail in tails]
    long = pending(" ".join("abcdefghijkl"))
    assert len(long.search_keys) == 8
    assert long.search_keys[-1] == f"s:h i j k l~{long.item_id}"


def test_search_rows_of_two_items_of_one_name_are_two() -> None:
    one, other = pending("a b"), pending("a b")
    assert not set(one.search_keys) & set(other.search_keys)
    assert len({key.rpartition("~")[0] for key in one.search_keys + other.search_keys}) == 2


def test_the_bin_s_rows_sort_newest_first() -> None:
    rows = [trash_row("fil_1", AT + timedelta(milliseconds=n)) for n in (0, 1, 1000, 10**9)]
    assert sorted(rows, reverse=True) == rows
    assert trash_row("fil_1", AT) != trash_row("fil_2", AT)
    assert trash_row("fil_1", AT).startswith("b:")


def test_versions_sort_by_their_number() -> None:
    rows = [version_row("fil_1", number) for number in (1, 2, 10, 999_999)]
    assert sorted(rows) == rows
    assert version("fil_1", 2).row_key == rows[1]


def test_a_folder_shows_nothing_of_a_file() -> None:
    item = folder("Pläne")
    info = info_of(item).model_dump()
    of_files = ("state", "reason", "size", "content_type", "sha256", "version", "upload")
    assert {info[each] for each in (*of_files, "width", "height", "thumbnails")} == {None}
    assert (info["kind"], info["name"], info["id"]) == ("folder", "Pläne", item.item_id)
    assert (info["drive_id"], info["created_by"], info["trashed_at"]) == (ANN, ANN, None)
    assert item.has_place


def test_a_pending_file_shows_what_was_promised_of_it() -> None:
    file = pending()
    info = info_of(file)
    assert (info.state, info.size, info.sha256) == ("pending", 500, SHA256)
    assert (info.version, info.width, info.thumbnails, info.reason) == (None, None, None, None)
    assert info.upload
    assert (info.upload.version, info.upload.state, info.upload.size) == (1, "pending", 500)
    assert file.has_place


def test_a_file_that_is_checked_says_so() -> None:
    assert info_of(pending(upload=upload("checking"))).state == "checking"


def test_an_available_file_shows_its_content() -> None:
    info = info_of(available())
    assert (info.state, info.version, info.size) == ("available", 1, 400)
    assert (info.content_type, info.width, info.height) == ("image/jpeg", 40, 30)
    assert (info.thumbnails, info.upload, info.reason) == ([256, 1024], None, None)


@pytest.mark.parametrize("later", [LATER, upload("pending", 2), upload("checking", 2)])
def test_a_later_upload_takes_nothing_from_an_available_file(later: object) -> None:
    file = available().model_copy(update={"upload": later, "versions": 2})
    info = info_of(file)
    assert (info.state, info.version, info.size, info.reason) == ("available", 1, 400, None)
    assert info.upload
    assert info.upload.version == 2
    assert file.has_place


def test_of_a_later_upload_that_was_rejected_the_reason_stands_with_it() -> None:
    info = info_of(available().model_copy(update={"upload": LATER}))
    assert info.upload
    assert (info.upload.state, info.upload.reason) == ("rejected", "sha256_mismatch")


def test_a_rejected_file_says_why_and_gives_its_name_up() -> None:
    file = pending(upload=REJECTED)
    info = info_of(file)
    assert (info.state, info.reason, info.version) == ("rejected", "malware", None)
    assert not file.has_place
    assert not REJECTED.is_open


@pytest.mark.parametrize("item", [folder(), pending(), available()], ids=["d", "pending", "file"])
def test_what_is_in_the_bin_gives_its_name_up(item: Item) -> None:
    gone = item.model_copy(update={"trashed": trashed()})
    assert not gone.has_place
    assert info_of(gone).trashed_at == AT


def test_an_etag_is_the_revision() -> None:
    info = info_of(folder(revision=7))
    assert (info.revision, info.etag) == (7, '"7"')


@pytest.mark.parametrize("file", [pending(), available(), pending(upload=REJECTED)])
def test_a_file_comes_back_from_its_row_as_it_was(file: File) -> None:
    assert File.model_validate_json(file.model_dump_json()) == file


def test_a_blob_s_name_is_made_of_ids_alone_and_does_not_tell_whose_it_is() -> None:
    file_id, upload_id = new_id("fil"), new_id("upl")
    name = blob_of(ANN, file_id, upload_id)
    drive, *others = name.split("/")
    assert others == [file_id, upload_id]
    assert f"{drive}/" == folder_of(ANN)
    assert ANN.removeprefix("usr_") not in name
    assert thumbnail_of(name, 256) == f"{name}.256.webp"


def test_a_name_is_compared_by_its_key() -> None:
    assert pending("ﬁle.TXT").name_key == f"n:-:{search_key('file.txt')}"

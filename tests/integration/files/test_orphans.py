"""Bytes without a row and rows without bytes: the old go, the young stay, nothing else is touched."""

from datetime import timedelta
from typing import Any

import pytest
from azure.storage.blob.aio import ContainerClient

from functions.files import store
from functions.files.commands import orphans, reading, thumbnails, versions
from functions.files.errors import FileRejected
from functions.files.events import ImageAccepted
from functions.files.models import DownloadQuery, File
from functions.files.store import CONTENT, QUARANTINE, SETTING
from shared_code.ids import new_id
from shared_code.storage import blob_service
from tests.integration.files.conftest import Clock
from tests.integration.files.uploads import (
    actor,
    available,
    begin,
    blobs,
    changes_of,
    checked,
    completed,
    contents,
    drive,
    next_version,
    picture,
    purged,
    put,
    row,
)

pytestmark = pytest.mark.usefixtures("provisioned")

HELLO = b"hello, world"
OLD = timedelta(hours=3)
CONTAINERS = (QUARANTINE, CONTENT)
MARKS = (*CONTAINERS, "versions")


class Died(Exception):
    """The process is gone here."""


async def sweep_all() -> None:
    """Once round, from the beginning."""
    for each in MARKS:
        await store.write_mark(each, "")
    while True:
        await orphans.sweep_bytes()
        if not any([await store.read_mark(each) for each in CONTAINERS]):
            break
    while True:
        await orphans.sweep_rows()
        if not await store.read_mark("versions"):
            break


async def leave(container: str, name: str, content: bytes = HELLO) -> None:
    """A blob that nobody speaks of."""
    await blob_service(SETTING).get_blob_client(container, name).upload_blob(content)


def lost_blob(drive_id: str) -> str:
    return store.blob_of(drive_id, new_id("fil"), new_id("upl"))


async def test_bytes_without_a_row_go_when_they_are_old(clock: Clock) -> None:
    drive_id = new_id("usr")
    for container in CONTAINERS:
        await leave(container, lost_blob(drive_id))
    await leave(CONTENT, f"{store.folder_of(drive_id)}stray")
    await sweep_all()
    assert len(await blobs(QUARANTINE, drive_id)) == 1
    assert len(await blobs(CONTENT, drive_id)) == 2
    clock(OLD)
    await sweep_all()
    assert await blobs(QUARANTINE, drive_id) == await blobs(CONTENT, drive_id) == {}


async def test_bytes_of_a_file_that_is_there_but_of_no_upload_of_it_go(clock: Clock) -> None:
    file = await available(actor(), HELLO)
    for container in CONTAINERS:
        await leave(container, store.blob_of(file.drive_id, file.item_id, new_id("upl")))
    clock(OLD)
    await sweep_all()
    assert await blobs(QUARANTINE, file.drive_id) == {}
    assert list((await contents(file.drive_id)).values()) == [HELLO]


async def test_bytes_under_the_name_of_another_drive_go(clock: Clock) -> None:
    file, other = await available(actor(), HELLO), new_id("usr")
    assert file.content
    await leave(CONTENT, store.blob_of(other, file.item_id, file.content.blob.split("/")[2]))
    clock(OLD)
    await sweep_all()
    assert await blobs(CONTENT, other) == {}
    assert len(await blobs(CONTENT, file.drive_id)) == 1


async def test_graves_are_dug_up_when_every_address_has_ended(clock: Clock) -> None:
    file = await available(actor(), HELLO)
    assert list((await blobs(QUARANTINE, file.drive_id)).values()) == [0]
    await sweep_all()
    assert list((await blobs(QUARANTINE, file.drive_id)).values()) == [0]
    clock(OLD)
    await sweep_all()
    assert await blobs(QUARANTINE, file.drive_id) == {}
    assert list((await contents(file.drive_id)).values()) == [HELLO]


async def test_what_rows_speak_of_stays_however_old(clock: Clock) -> None:
    user = actor()
    file = await available(user, HELLO)
    await next_version(user, file, b"the second")
    image = await checked(await completed(user, picture(40, 30), content_type="image/png"))
    await thumbnails.make(ImageAccepted(drive_id=user.user_id, file_id=image.item_id, version=1))
    waiting = await begin(user, b"pending")
    assert (await put(waiting.upload, b"pending")).status == 201
    await completed(user, b"checking")
    before = await blobs(CONTENT, user.user_id)
    assert len(before) == 5  # two versions, an image, its two small ones
    clock(timedelta(hours=20))
    await sweep_all()
    assert await blobs(CONTENT, user.user_id) == before
    assert sorted(filter(None, (await blobs(QUARANTINE, user.user_id)).values())) == [7, 8]


async def test_thumbnails_of_an_image_that_is_gone_go_as_well(clock: Clock) -> None:
    user = actor()
    image = await checked(await completed(user, picture(40, 30), content_type="image/png"))
    assert image.content
    await purged(image.drive_id, image.item_id)
    await leave(CONTENT, store.thumbnail_of(image.content.blob, 256))
    clock(OLD)
    await sweep_all()
    assert await blobs(CONTENT, user.user_id) == {}


async def lose(file: File) -> None:
    """The bytes of the current version are gone, as by an accident."""
    assert file.content
    await blob_service(SETTING).get_blob_client(CONTENT, file.content.blob).delete_blob()


async def test_a_file_whose_bytes_are_lost_says_so_and_gives_its_room_back(clock: Clock) -> None:
    user = actor()
    file, kept = await available(user, HELLO), await available(user, b"kept")
    await lose(file)
    await sweep_all()
    assert await row(user.user_id, file.item_id) == file  # its bytes may be on their way
    clock(OLD)
    await sweep_all()
    lost = await row(user.user_id, file.item_id)
    assert lost.upload
    assert (lost.state, lost.upload.reason, lost.content) == ("rejected", "content_lost", None)
    assert (await drive(user.user_id)).used_bytes == 4
    assert (await changes_of(lost))[-1] == "rejected"
    with pytest.raises(FileRejected):
        await reading.download(user, file.item_id, DownloadQuery())
    assert await row(user.user_id, kept.item_id) == kept


async def test_a_lost_old_version_goes_and_the_current_one_stays(clock: Clock) -> None:
    user = actor()
    first = await available(user, HELLO)
    second = await next_version(user, first, b"the second")
    await lose(first)
    clock(OLD)
    await sweep_all()
    assert await row(user.user_id, first.item_id) == second
    kept = await store.read_versions(user.user_id, first.item_id)
    assert [each.number for each in kept] == [2]
    assert (await drive(user.user_id)).used_bytes == len(b"the second")


async def test_a_file_whose_newest_bytes_are_lost_can_go_back_to_an_older_version(
    clock: Clock,
) -> None:
    user = actor()
    first = await available(user, HELLO)
    second = await next_version(user, first, b"the second")
    await lose(second)
    clock(OLD)
    await sweep_all()
    assert (await drive(user.user_id)).used_bytes == len(HELLO)
    restored = await versions.restore(user, first.item_id, 1, None)
    assert (restored.state, restored.version, restored.size) == ("available", 1, len(HELLO))


async def test_a_sweep_goes_on_from_its_mark_and_begins_again_at_the_end(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = actor()
    files = [await available(user, f"content {n}".encode()) for n in range(3)]
    for each in files:
        await lose(each)
    monkeypatch.setattr(orphans, "_ROWS", 1)
    real = store.versions_after
    looked_at: list[str] = []

    async def mine(mark: str, limit: int) -> Any:
        found = await real(mark or user.user_id, limit)
        if found and found[0][1] != user.user_id:
            return []  # behind those of this user
        looked_at.extend(version.file_id for _, _, version in found)
        return found

    monkeypatch.setattr(store, "versions_after", mine)
    clock(OLD)
    await store.write_mark("versions", "")
    assert [await orphans.sweep_rows() for _ in range(4)] == [1, 1, 1, 0]
    assert sorted(looked_at) == sorted(each.item_id for each in files)
    assert await store.read_mark("versions") == ""


async def test_a_sweep_of_bytes_takes_a_page_and_goes_on_behind_it(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive_id = new_id("usr")
    for _ in range(5):
        await leave(CONTENT, lost_blob(drive_id))
    list_blobs = ContainerClient.list_blobs

    def two_of_mine(self: Any, **_: Any) -> Any:
        return list_blobs(self, store.folder_of(drive_id), results_per_page=2)

    with monkeypatch.context() as patch:
        patch.setattr(ContainerClient, "list_blobs", two_of_mine)
        first, mark = await store.listed(CONTENT, None)
        assert (len(first), bool(mark)) == (2, True)
        following, mark = await store.listed(CONTENT, mark)
        assert (len(following), bool(mark)) == (2, True)
        assert not {each.name for each in first} & {each.name for each in following}
        last, mark = await store.listed(CONTENT, mark)
        assert (len(last), mark) == (1, None)

    pages = {"": (first, "second"), "second": (following, "third"), "third": (last, None)}
    asked: list[str] = []

    async def listed(container: str, after: str | None) -> Any:
        if container == QUARANTINE:
            return [], None
        asked.append(after or "")
        if len(asked) == 3:
            raise Died
        return pages[after or ""]

    monkeypatch.setattr(store, "listed", listed)
    clock(OLD)
    await store.write_mark(CONTENT, "")
    with pytest.raises(Died):
        await orphans.sweep_bytes()
    assert set(await blobs(CONTENT, drive_id)) == {each.name for each in last}
    assert await orphans.sweep_bytes() == 1
    assert asked == ["", "second", "third", "third"]
    assert await store.read_mark(CONTENT) == ""
    assert await blobs(CONTENT, drive_id) == {}

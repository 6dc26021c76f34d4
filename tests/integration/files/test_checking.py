"""Checks of uploads: every step, what a check that dies there leaves, and what nobody can slip in."""

import asyncio
import base64
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob.aio import BlobLeaseClient

from functions.files import store
from functions.files.commands import checking, thumbnails
from functions.files.commands.purging import purge_item
from functions.files.events import ImageAccepted
from functions.files.models import File
from functions.files.scanning import ScannerUnavailable
from functions.files.store import CONTENT, QUARANTINE, SETTING, THUMBNAILS
from shared_code.messaging import Event
from shared_code.storage import blob_service, queue_service
from tests.harness.files import block_id
from tests.integration.files.test_scanning import EICAR, clamd, needs_clamd
from tests.integration.files.uploads import (
    actor,
    ask,
    available,
    begin,
    blobs,
    changes_of,
    checked,
    completed,
    completed_as_promised,
    contents,
    drive,
    event_of,
    finish,
    follow_purges,
    next_version,
    picture,
    purged,
    put,
    quarantined,
    row,
    zipped,
)

pytestmark = pytest.mark.usefixtures("provisioned")

HELLO = b"hello, world"
OTHER = b"HELLO, WORLD"
MIB = 1024 * 1024


class Died(Exception):
    """The process is gone here."""


def blob_of(file: File) -> str:
    assert file.upload
    return store.blob_of(file.drive_id, file.item_id, file.upload.upload_id)


def quarantined_blob(blob: str) -> Any:
    return blob_service(SETTING).get_blob_client(QUARANTINE, blob)


async def swap(blob: str, content: bytes) -> None:
    """Put other bytes there, as nobody but the owner of the account can."""
    client = quarantined_blob(blob)
    await BlobLeaseClient(client).break_lease(lease_break_period=0)
    await client.upload_blob(content, overwrite=True)


def before(
    monkeypatch: pytest.MonkeyPatch, name: str, first: Callable[..., Awaitable[object]]
) -> None:
    """Do something before the store does what is named, the first time."""
    real, waiting = getattr(store, name), [first]

    async def both(*arguments: Any) -> Any:
        if waiting:
            await waiting.pop()(*arguments)
        return await real(*arguments)

    monkeypatch.setattr(store, name, both)


async def assert_rejected(file: File, reason: str) -> None:
    """It is rejected for this reason, and has left nothing."""
    found = await row(file.drive_id, file.item_id)
    assert found.upload
    assert (found.state, found.upload.reason) == ("rejected", reason)
    assert await blobs(CONTENT, file.drive_id) == {}
    assert await quarantined(file.drive_id) == 0
    assert (await drive(file.drive_id)).used_bytes == 0


async def assert_accepted(file: File, content: bytes) -> File:
    """It is available, once, with these bytes, and the quarantine is empty."""
    found = await row(file.drive_id, file.item_id)
    assert found.state == "available"
    assert found.upload is None
    assert found.content
    assert await contents(file.drive_id) == {found.content.blob: content}
    assert await quarantined(file.drive_id) == 0
    assert await store.read_versions(file.drive_id, file.item_id) == [found.content]
    assert (await drive(file.drive_id)).used_bytes == len(content)
    return found


async def test_what_is_as_promised_becomes_available_and_leaves_the_quarantine() -> None:
    file = await completed(actor(), HELLO)
    assert file.state == "checking"
    assert await blobs(CONTENT, file.drive_id) == {}
    await checked(file)
    found = await assert_accepted(file, HELLO)
    assert found.content
    assert (found.content.width, found.content.number) == (None, 1)
    assert await changes_of(file) == ["created", "checking", "available"]


async def test_nothing_that_a_client_said_of_his_blob_comes_with_the_content() -> None:
    user = actor()
    made = await begin(user, HELLO, content_type="application/octet-stream")
    assert made.upload
    headers = {
        **made.upload.headers,
        "x-ms-blob-content-type": "text/html",
        "x-ms-blob-content-disposition": "inline",
        "x-ms-blob-cache-control": "public",
        "x-ms-blob-content-encoding": "gzip",
    }
    assert (await ask("PUT", made.upload.url, data=HELLO, headers=headers)).status == 201
    file = await checked(await completed_by(user, made.file.id))
    assert file.content
    kept = (
        await blob_service(SETTING)
        .get_blob_client(CONTENT, file.content.blob)
        .get_blob_properties()
    ).content_settings
    assert (kept.content_type, kept.content_disposition) == (
        "application/octet-stream",
        "attachment",
    )
    assert (kept.cache_control, kept.content_encoding) == (None, None)


async def completed_by(user: Any, file_id: str) -> File:
    from functions.files.commands import uploading

    await uploading.complete(user, file_id)
    return await row(user.user_id, file_id)


@pytest.mark.parametrize(
    ("sent", "promised", "claim", "reason"),
    [
        (HELLO, HELLO + b"!", "text/plain", "size_mismatch"),
        (HELLO + b"!", HELLO, "text/plain", "size_mismatch"),
        (OTHER, HELLO, "text/plain", "sha256_mismatch"),
        (b"<html><script>", b"<html><script>", "image/png", "content_type_mismatch"),
        (EICAR, EICAR, "text/plain", "malware"),
        (picture(9, 9)[:-20], picture(9, 9)[:-20], "image/png", "image_broken"),
        (zipped("a", HELLO)[:-9], zipped("a", HELLO)[:-9], "application/zip", "archive_broken"),
        (zipped("../a", HELLO), zipped("../a", HELLO), "application/zip", "archive_unsafe"),
    ],
)
async def test_what_breaks_its_promise_is_rejected_and_leaves_no_bytes(
    sent: bytes, promised: bytes, claim: str, reason: str
) -> None:
    file = await completed_as_promised(actor(), sent, promised, content_type=claim)
    await checked(file)
    await assert_rejected(file, reason)
    assert (await changes_of(file))[-1] == "rejected"


async def test_an_image_of_too_many_pixels_is_rejected_by_its_header() -> None:
    header = struct.pack(">4sIIBBBBB", b"IHDR", 10_000, 10_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + zlib.crc32(header).to_bytes(4, "big")
    huge = b"\x89PNG\r\n\x1a\n" + chunk + picture(9, 9)[33:]
    file = await completed(actor(), huge, content_type="image/png")
    await checked(file)
    await assert_rejected(file, "image_too_large")


@pytest.mark.parametrize("claim", ["application/zip", "application/octet-stream", "x/y"])
async def test_a_bomb_is_rejected_whatever_it_claims_to_be(claim: str) -> None:
    bomb = zipped("zeros", bytes(43 * MIB))
    file = await completed(actor(), bomb, content_type=claim)
    await checked(file)
    await assert_rejected(file, "archive_too_large")


async def test_of_an_image_the_pixels_are_told_and_thumbnails_made() -> None:
    await queue_service(SETTING).get_queue_client(THUMBNAILS).clear_messages()
    content = picture(640, 480)
    file = await checked(await completed(actor(), content, content_type="image/png"))
    assert file.content
    assert (file.content.width, file.content.height) == (640, 480)
    [wanted] = await wanted_thumbnails()
    assert (wanted.file_id, wanted.version) == (file.item_id, 1)
    await thumbnails.make(wanted)
    await thumbnails.make(wanted)  # a message that comes twice
    found = await row(file.drive_id, file.item_id)
    assert found.content
    assert found.content.thumbnails == (256, 1024)
    names = {file.content.blob, f"{file.content.blob}.256.webp", f"{file.content.blob}.1024.webp"}
    assert set(await blobs(CONTENT, file.drive_id)) == names


async def wanted_thumbnails() -> list[ImageAccepted]:
    queue = queue_service(SETTING).get_queue_client(THUMBNAILS)
    return [
        Event[ImageAccepted].model_validate_json(base64.b64decode(each.content)).data
        async for each in queue.receive_messages(messages_per_page=32, visibility_timeout=1)
    ]


async def test_bytes_that_are_swapped_between_check_and_copy_never_become_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = await completed(actor(), HELLO)
    before(monkeypatch, "accept", lambda blob, *_: swap(blob, OTHER))
    await checked(file)
    await assert_rejected(file, "changed_while_checked")


async def test_bytes_that_are_swapped_while_they_are_read_never_become_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = b"a" * (9 * MIB)
    file = await completed(actor(), content)
    real = store.pieces

    async def swapped(blob: str, *arguments: Any, **options: Any) -> AsyncIterator[bytes]:
        seen = 0
        async for piece in real(blob, *arguments, **options):
            seen += 1
            if seen == 1:
                await swap(blob, b"b")
            yield piece

    monkeypatch.setattr(store, "pieces", swapped)
    await checked(file)
    await assert_rejected(file, "changed_while_checked")


class Meddling:
    """A scanner that lets somebody act while it looks, and finds nothing."""

    def __init__(self, act: Callable[[], Awaitable[object]]) -> None:
        self.act, self.seen = act, b""

    async def scan(self, chunks: AsyncIterator[bytes]) -> str | None:
        async for chunk in chunks:
            self.seen += chunk
        await self.act()
        return None


def while_scanned(monkeypatch: pytest.MonkeyPatch, act: Callable[[], Awaitable[object]]) -> None:
    monkeypatch.setenv("FILES_SCANNER", "meddling:")
    monkeypatch.setattr(checking, "scanner_of", lambda _: Meddling(act))


async def test_who_has_the_address_can_put_nothing_while_it_is_checked_nor_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = actor()
    made = await begin(user, HELLO)
    assert made.upload
    upload, answers = made.upload, []

    async def meddle() -> None:
        answers.append(await put(upload, OTHER))
        block = f"{upload.url}&comp=block&blockid={block_id(1)}"
        answers.append(await ask("PUT", block, data=OTHER))
        listed = f"<BlockList><Latest>{block_id(1)}</Latest></BlockList>".encode()
        answers.append(await ask("PUT", f"{upload.url}&comp=blocklist", data=listed))

    while_scanned(monkeypatch, meddle)
    file = await checked(await finish(user, made, HELLO))
    await assert_accepted(file, HELLO)
    await meddle()
    assert [(each.status, each.code) for each in answers] == [(412, "LeaseIdMissing")] * 6
    await assert_accepted(file, HELLO)


async def leased_by_who_uploads(content: bytes) -> File:
    """A completed upload of HELLO, so it was said, whose sender holds the blob by a lease of his own."""
    user = actor()
    made = await begin(user, HELLO)
    assert (await put(made.upload, content)).status == 201
    assert made.upload
    await ask(
        "PUT",
        f"{made.upload.url}&comp=lease",
        headers={"x-ms-lease-action": "acquire", "x-ms-lease-duration": "-1"},
    )
    return await completed_by(user, made.file.id)


async def test_a_lease_of_who_uploads_keeps_no_check_from_its_verdict() -> None:
    file = await checked(await leased_by_who_uploads(HELLO))
    await assert_accepted(file, HELLO)


async def test_a_lease_of_who_uploads_keeps_no_bytes_that_were_rejected() -> None:
    file = await checked(await leased_by_who_uploads(OTHER))
    await assert_rejected(file, "sha256_mismatch")


async def test_who_ends_our_lease_by_his_address_gets_nothing_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = actor()
    made = await begin(user, HELLO)
    assert made.upload
    upload = made.upload

    async def meddle() -> None:
        headers = {"x-ms-lease-action": "break", "x-ms-lease-break-period": "0"}
        await ask("PUT", f"{upload.url}&comp=lease", headers=headers)
        await put(upload, OTHER)

    while_scanned(monkeypatch, meddle)
    file = await checked(await finish(user, made, HELLO))
    assert OTHER not in (await contents(file.drive_id)).values()
    assert await quarantined(file.drive_id) == 0


async def test_a_check_that_comes_twice_changes_nothing_the_second_time() -> None:
    file = await completed(actor(), HELLO)
    event = await event_of(file)
    await checking.check(event)
    first = await assert_accepted(file, HELLO)
    await checking.check(event)
    assert await assert_accepted(file, HELLO) == first


async def test_checks_of_one_upload_at_the_same_time_make_one_version() -> None:
    user = actor()
    for _ in range(5):
        file = await completed(user, HELLO)
        event = await event_of(file)
        await asyncio.gather(*(checking.check(event) for _ in range(3)))
        await assert_accepted(file, HELLO)
        assert (await changes_of(file)).count("available") == 1
        await purged(file.drive_id, file.item_id)


async def test_a_check_that_comes_late_does_nothing_to_a_newer_version() -> None:
    user = actor()
    file = await completed(user, HELLO)
    late = await event_of(file)
    await checked(file)
    newer = await next_version(user, file, OTHER)
    await checking.check(late)
    assert await row(file.drive_id, file.item_id) == newer
    assert sorted((await contents(file.drive_id)).values()) == [OTHER, HELLO]
    assert await quarantined(file.drive_id) == 0


STEPS = ["hold", "accept", "make_available", "bury", "make_thumbnails_soon"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_check_that_died_at_a_step_is_finished_by_the_next(
    monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    await queue_service(SETTING).get_queue_client(THUMBNAILS).clear_messages()
    content = picture(30, 20)
    file = await completed(actor(), content, content_type="image/png")
    event = await event_of(file)
    holder: Any = checking if step == "make_available" else store
    real = getattr(holder, step)

    async def dies(*arguments: Any) -> None:
        if when == "after":
            await real(*arguments)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(holder, step, dies)
        with pytest.raises(Died):
            await checking.check(event)
    await checking.check(event)
    found = await assert_accepted(file, content)
    assert found.content
    assert (found.content.width, found.content.height) == (30, 20)
    assert {each.file_id for each in await wanted_thumbnails()} == {file.item_id}


@pytest.mark.parametrize("step", ["reject", "bury"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_rejection_that_died_at_a_step_is_finished_by_the_next(
    monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    file = await completed_as_promised(actor(), OTHER, HELLO)
    event = await event_of(file)
    holder: Any = checking if step == "reject" else store
    real = getattr(holder, step)

    async def dies(*arguments: Any) -> None:
        if when == "after":
            await real(*arguments)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(holder, step, dies)
        with pytest.raises(Died):
            await checking.check(event)
    await checking.check(event)
    await assert_rejected(file, "sha256_mismatch")
    assert (await changes_of(file)).count("rejected") == 1


async def test_without_a_scanner_there_is_no_verdict_until_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = await completed(actor(), HELLO)
    event = await event_of(file)
    with monkeypatch.context() as patch:
        patch.setenv("FILES_SCANNER", "clamav://127.0.0.1:1")
        for _ in range(2):
            with pytest.raises(ScannerUnavailable):
                await checking.check(event)
        assert (await row(file.drive_id, file.item_id)).state == "checking"
        assert await blobs(CONTENT, file.drive_id) == {}
    await checking.check(event)
    await assert_accepted(file, HELLO)


@needs_clamd
async def test_a_real_scanner_finds_malware_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clamd(tmp_path) as addresses:
        monkeypatch.setenv("FILES_SCANNER", addresses["unix"])
        infected = b"x" * 100 + EICAR
        bad, good = await completed(actor(), infected), await completed(actor(), HELLO)
        await checked(bad)
        await checked(good)
    await assert_rejected(bad, "malware")
    await assert_accepted(good, HELLO)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("follows", ["at once", "later"])
async def test_a_file_that_is_purged_while_it_is_checked_leaves_no_bytes(
    monkeypatch: pytest.MonkeyPatch, when: str, follows: str
) -> None:
    file = await completed(actor(), HELLO)
    step, holder = ("accept", store) if when == "before" else ("make_available", checking)
    real: Any = getattr(holder, step)

    async def meanwhile(*arguments: Any) -> Any:
        await purge_item(file.drive_id, file.item_id, lambda _: True)
        if follows == "at once":
            await follow_purges(file.drive_id)
        return await real(*arguments)

    monkeypatch.setattr(holder, step, meanwhile)
    await checking.check(await event_of(file))
    await follow_purges(file.drive_id)
    assert await store.read_item(file.drive_id, file.item_id) is None
    assert await blobs(CONTENT, file.drive_id) == {}
    assert await quarantined(file.drive_id) == 0
    assert (await drive(file.drive_id)).used_bytes == 0


async def test_of_too_many_versions_the_oldest_goes_with_its_bytes_and_its_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FILES_VERSIONS", "2")
    user = actor()
    file = await available(user, b"one")
    await next_version(user, file, b"two, longer")
    file = await next_version(user, file, b"three, longest")
    kept = await store.read_versions(file.drive_id, file.item_id)
    assert [each.number for each in kept] == [2, 3]
    found = await contents(file.drive_id)
    assert sorted(found.values()) == [b"three, longest", b"two, longer"]
    assert (await drive(file.drive_id)).used_bytes == sum(map(len, found.values()))

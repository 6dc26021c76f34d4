"""What is due: uploads that nobody ends, rejected files, the bin; each at its time, whatever ails others."""

from datetime import timedelta

import pytest

from functions.files import policy, store
from functions.files.commands import bin as bins
from functions.files.commands import sweeping, uploading
from functions.files.commands.sweeping import sweep_due
from functions.files.errors import UploadOver
from functions.files.models import File
from functions.files.store import CONTENT, Due
from shared_code.actor import Actor
from shared_code.clock import utcnow
from tests.integration.files.conftest import Clock
from tests.integration.files.uploads import (
    actor,
    available,
    begin,
    blobs,
    checked,
    completed_as_promised,
    contents,
    drive,
    follow_purges,
    put,
    quarantined,
    row,
)

HELLO = b"hello, world"
ADDRESS = timedelta(seconds=900)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
async def _nothing_else_is_due(provisioned: None) -> None:  # noqa: ARG001 - its tables are cleared
    """What other tests have left is theirs."""
    async for each in store.due(utcnow() + 5000 * DAY):
        await store.done(each)


async def noted(item_id: str) -> list[str]:
    """What is to be looked at of an item, ever."""
    found = [each async for each in store.due(utcnow() + 5000 * DAY)]
    return [each.kind for each in found if each.item_id == item_id]


async def gone(file: File | str, drive_id: str = "") -> bool:
    item_id, at = (file, drive_id) if isinstance(file, str) else (file.item_id, file.drive_id)
    return await store.read_item(at, item_id) is None


async def test_an_upload_that_nobody_completes_is_completed_and_checked(clock: Clock) -> None:
    user = actor()
    made = await begin(user, HELLO)
    assert (await put(made.upload, HELLO)).status == 201
    await sweep_due()
    assert (await row(user.user_id, made.file.id)).state == "pending"
    clock(ADDRESS + MINUTE)
    await sweep_due()
    waiting = await row(user.user_id, made.file.id)
    assert waiting.state == "checking"
    file = await checked(waiting)
    assert list((await contents(file.drive_id)).values()) == [HELLO]
    assert await noted(file.item_id) == ["check"]  # had the check been lost, it would come again
    clock(timedelta(hours=3))
    await sweep_due()
    assert await noted(file.item_id) == []
    assert await row(file.drive_id, file.item_id) == file


async def test_an_upload_without_bytes_is_kept_until_its_last_moment_and_then_rejected(
    clock: Clock,
) -> None:
    user = actor()
    made = await begin(user, HELLO)
    clock(ADDRESS + MINUTE)
    await sweep_due()
    assert (await row(user.user_id, made.file.id)).state == "pending"
    assert (await drive(user.user_id)).used_bytes == len(HELLO)
    assert await noted(made.file.id) == ["upload"]
    # It can be gone on with until the end.
    assert (await uploading.resume(user, made.file.id)).upload.url
    clock(DAY - MINUTE)
    await sweep_due()
    assert (await row(user.user_id, made.file.id)).state == "pending"
    clock(DAY + 16 * MINUTE)
    await sweep_due()
    file = await row(user.user_id, made.file.id)
    assert file.upload
    assert (file.state, file.upload.reason) == ("rejected", "upload_expired")
    assert (await drive(user.user_id)).used_bytes == 0
    with pytest.raises(UploadOver):
        await uploading.resume(user, made.file.id)


async def test_blocks_that_were_never_committed_go_with_their_upload(clock: Clock) -> None:
    from tests.harness.files import block_id
    from tests.integration.files.uploads import ask

    user = actor()
    made = await begin(user, HELLO)
    assert made.upload
    url = f"{made.upload.url}&comp=block&blockid={block_id(1)}"
    assert (await ask("PUT", url, data=HELLO)).status == 201
    file = await row(user.user_id, made.file.id)
    assert file.upload
    blob = store.blob_of(file.drive_id, file.item_id, file.upload.upload_id)
    assert await store.blocks(blob)
    for _ in range(2):  # the first look sees that there are no bytes, and plans the last one
        clock(DAY + MINUTE)
        await sweep_due()
    assert await store.blocks(blob) == []
    assert await quarantined(user.user_id) == 0
    assert (await row(user.user_id, made.file.id)).state == "rejected"


async def test_a_renewed_address_is_not_ended_by_the_note_of_the_first(clock: Clock) -> None:
    user = actor()
    made = await begin(user, HELLO)
    assert (await put(made.upload, HELLO)).status == 201
    start = utcnow()
    clock(start + ADDRESS - MINUTE)
    renewed = await uploading.resume(user, made.file.id)
    assert renewed.committed == len(HELLO)
    clock(start + ADDRESS + 2 * MINUTE)
    await sweep_due()
    assert (await row(user.user_id, made.file.id)).state == "pending"
    clock(start + 2 * ADDRESS + MINUTE)
    await sweep_due()
    assert (await row(user.user_id, made.file.id)).state == "checking"


async def test_a_version_that_is_never_uploaded_ends_and_the_file_keeps_its_content(
    clock: Clock,
) -> None:
    from functions.files.models import NewVersion
    from tests.harness.files import promised

    user = actor()
    file = await available(user, HELLO)
    new = NewVersion.model_validate(promised(b"another one"))
    await uploading.create_version(user, file.item_id, new, None)
    clock(DAY + MINUTE)
    await sweep_due()
    clock(DAY + policy.REJECTED_DAYS * DAY + 2 * MINUTE)
    await sweep_due()
    kept = await row(user.user_id, file.item_id)
    assert (kept.state, kept.content) == ("available", file.content)
    assert (await drive(user.user_id)).used_bytes == len(HELLO)


async def test_a_file_that_was_rejected_is_told_of_for_seven_days(clock: Clock) -> None:
    file = await checked(await completed_as_promised(actor(), b"other", HELLO))
    clock(policy.REJECTED_DAYS * DAY - MINUTE)
    await sweep_due()
    assert not await gone(file)
    clock(policy.REJECTED_DAYS * DAY + 2 * MINUTE)
    await sweep_due()
    assert await gone(file)
    await follow_purges(file.drive_id)
    assert (await drive(file.drive_id)).files == 0
    assert await noted(file.item_id) == []


async def trashed(user: Actor) -> File:
    file = await available(user, HELLO)
    await bins.put(user, file.item_id, None)
    return file


async def test_the_bin_keeps_what_is_in_it_until_its_time_and_not_longer(clock: Clock) -> None:
    file = await trashed(actor())
    time = timedelta(days=policy.bin_days())
    clock(time - MINUTE)
    await sweep_due()
    assert not await gone(file)
    assert len(await contents(file.drive_id)) == 1
    clock(time + 2 * MINUTE)
    await sweep_due()
    assert await gone(file)
    await follow_purges(file.drive_id)
    assert await blobs(CONTENT, file.drive_id) == {}
    found = await drive(file.drive_id)
    assert (found.used_bytes, found.files) == (0, 0)


async def test_what_was_restored_and_trashed_again_has_its_whole_time_again(clock: Clock) -> None:
    user = actor()
    file = await trashed(user)
    start, time = utcnow(), timedelta(days=policy.bin_days())
    clock(start + DAY)
    await bins.restore(user, file.item_id)
    clock(start + 2 * DAY)
    await bins.put(user, file.item_id, None)
    clock(start + time + DAY)
    await sweep_due()
    assert not await gone(file)
    clock(start + time + 2 * DAY + 2 * MINUTE)
    await sweep_due()
    assert await gone(file)
    await follow_purges(file.drive_id)


async def test_what_was_restored_is_kept_for_good(clock: Clock) -> None:
    user = actor()
    file = await trashed(user)
    await bins.restore(user, file.item_id)
    clock(timedelta(days=policy.bin_days()) + DAY)
    await sweep_due()
    assert not await gone(file)
    assert await noted(file.item_id) == []


async def test_an_item_that_fails_keeps_no_other_and_is_looked_at_again(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [await trashed(actor()) for _ in range(3)]
    clock(timedelta(days=policy.bin_days()) + DAY)
    look = sweeping._look

    async def fails(due: Due) -> None:
        if due.item_id == files[1].item_id:
            raise RuntimeError("on purpose")
        await look(due)

    with monkeypatch.context() as patch:
        patch.setattr(sweeping, "_look", fails)
        await sweep_due()
    assert [await gone(each) for each in files] == [True, False, True]
    assert "bin" in await noted(files[1].item_id)
    await sweep_due()
    assert await gone(files[1])
    assert await noted(files[1].item_id) == []

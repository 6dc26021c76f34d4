"""Quotas: exact under parallel uploads, in one process and in two, and when the store's answer is lost."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from azure.core import MatchConditions
from azure.core.exceptions import AzureError

from functions.files import store
from functions.files.commands import arranging, listing, uploading, versions
from functions.files.errors import FileTooLarge, QuotaExceeded, UploadOver
from functions.files.models import Copied, DriveQuery, NewFile, NewFolder, NewVersion
from functions.files.store import SETTING
from functions.files.store.tables import DRIVES
from shared_code.actor import Actor
from shared_code.ids import new_id
from shared_code.storage import is_outage, table
from tests.harness.faulty_store import (
    Fault,
    FaultyStore,
    Forward,
    cuts_the_answer,
    drops_after,
    is_busy_after,
)
from tests.harness.files import promised
from tests.integration.files.uploads import (
    actor,
    available,
    begin,
    checked,
    completed,
    completed_as_promised,
    drive,
    events_of,
    next_version,
    purged,
    row,
)

pytestmark = pytest.mark.usefixtures("provisioned")

REPOSITORY = Path(__file__).parents[3]
SIZE = 1000
LOST: list[Fault] = [drops_after, cuts_the_answer, is_busy_after]


@pytest.fixture
def room_for_fifty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILES_USER_QUOTA", str(50 * SIZE))
    monkeypatch.setenv("FILES_WORKSPACE_QUOTA", str(50 * SIZE))


def body(name: str, size: int = SIZE, **fields: Any) -> NewFile:
    return NewFile(name=name, size=size, content_type="text/plain", sha256="0" * 64, **fields)


async def tried(user: Actor, name: str, **fields: Any) -> bool:
    """Whether there was room."""
    try:
        await insist(lambda: uploading.create(user, body(name, **fields), name))
    except QuotaExceeded:
        return False
    return True


async def names_of(drive_id: str) -> list[str]:
    return [each async for each in _names(drive_id)]


async def _names(drive_id: str) -> Any:
    for key, _ in await store.read_names(drive_id, None, None, 1000):
        yield key


@pytest.mark.usefixtures("room_for_fifty")
async def test_of_a_hundred_uploads_at_once_exactly_fifty_find_room() -> None:
    user = actor()
    made = await asyncio.gather(*(tried(user, f"n{n}") for n in range(100)))
    assert made.count(True) == 50
    found = await drive(user.user_id)
    assert (found.used_bytes, found.files) == (50 * SIZE, 50)
    assert len(await names_of(user.user_id)) == 50


@pytest.mark.usefixtures("room_for_fifty")
async def test_of_a_hundred_in_two_processes_exactly_fifty_find_room() -> None:
    user_id = new_id("usr")
    told = await asyncio.gather(*(creating(user_id, prefix) for prefix in ("a", "b")))
    assert sum(each["made"] for each in told) == 50
    assert sum(each["refused"] for each in told) == 50
    found = await drive(user_id)
    assert (found.used_bytes, found.files) == (50 * SIZE, 50)
    assert len(await names_of(user_id)) == 50


async def creating(user_id: str, prefix: str) -> dict[str, int]:
    """What a process of its own made of fifty."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.files.creating"),
        *(user_id, "50", str(SIZE), prefix),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, trouble = await child.communicate()
    assert child.returncode == 0, trouble.decode()
    told: dict[str, int] = json.loads(said)
    return told


@pytest.mark.usefixtures("room_for_fifty")
async def test_members_of_a_workspace_share_its_quota_and_keep_their_own() -> None:
    workspace = new_id("ws")
    ann, bob = actor(**{workspace: "member"}), actor(**{workspace: "member"})
    made = await asyncio.gather(
        *(
            tried(user, f"{user.user_id}{n}", workspace_id=workspace)
            for user in (ann, bob)
            for n in range(30)
        )
    )
    assert made.count(True) == 50
    assert (await drive(workspace)).used_bytes == 50 * SIZE
    assert await tried(ann, "mine")
    shown = await listing.drive(ann, DriveQuery(workspace_id=workspace))
    assert (shown.used_bytes, shown.quota_bytes) == (50 * SIZE, 50 * SIZE)


@pytest.mark.usefixtures("room_for_fifty")
async def test_the_last_byte_fits_and_one_more_does_not() -> None:
    user = actor()
    await uploading.create(user, body("most", 50 * SIZE - 1), None)
    with pytest.raises(QuotaExceeded, match="1 of 50000 bytes are left"):
        await uploading.create(user, body("two", 2), None)
    await uploading.create(user, body("one", 1), None)
    assert (await drive(user.user_id)).used_bytes == 50 * SIZE


async def test_what_is_larger_than_a_file_may_be_takes_no_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FILES_MAX_SIZE", str(SIZE))
    user = actor()
    with pytest.raises(FileTooLarge):
        await uploading.create(user, body("large", SIZE + 1), None)
    assert (await drive(user.user_id)).used_bytes == 0


async def test_a_repeat_with_its_key_takes_its_room_once() -> None:
    user, key = actor(), new_id("key")
    made = await asyncio.gather(*(begin(user, b"hello", "a", key) for _ in range(5)))
    assert len({each.file.id for each in made}) == 1
    assert (await drive(user.user_id)).used_bytes == 5


async def test_what_is_rejected_or_given_up_gives_its_room_back() -> None:
    user = actor()
    kept = await available(user, b"kept")
    await checked(await completed_as_promised(user, b"other", b"hello"))
    waiting = await begin(user, b"never mind")
    await uploading.give_up(user, waiting.file.id)
    found = await drive(user.user_id)
    assert found.used_bytes == 4
    assert kept.content
    await purged(kept.drive_id, kept.item_id)
    assert (await drive(user.user_id)).used_bytes == 0


async def test_every_version_counts_until_the_file_is_purged() -> None:
    user = actor()
    file = await available(user, b"1234")
    file = await next_version(user, file, b"123456")
    assert (await drive(user.user_id)).used_bytes == 10
    await versions.restore(user, file.item_id, 1, None)
    assert (await drive(user.user_id)).used_bytes == 10
    file_now = await row(user.user_id, file.item_id)
    await next_version(user, file_now, b"12345678")
    assert (await drive(user.user_id)).used_bytes == 18
    await purged(file.drive_id, file.item_id)
    found = await drive(user.user_id)
    assert (found.used_bytes, found.files) == (0, 0)


async def test_a_version_that_is_rejected_costs_nothing_and_the_file_keeps_what_it_had() -> None:
    user = actor()
    file = await available(user, b"1234")
    new = NewVersion.model_validate(promised(b"123456"))
    made = await uploading.create_version(user, file.item_id, new, None)
    assert (await drive(user.user_id)).used_bytes == 10
    assert made.upload
    await uploading.give_up(user, file.item_id)
    assert (await drive(user.user_id)).used_bytes == 4
    kept = await row(user.user_id, file.item_id)
    assert kept.content == file.content


async def test_a_copy_counts_and_so_does_a_file_that_waits_for_its_check() -> None:
    user = actor()
    file = await available(user, b"1234")
    await arranging.copy(user, file.item_id, Copied(), None)
    await completed(user, b"123456")
    assert (await drive(user.user_id)).used_bytes == 14


async def insist[Result](command: Callable[[], Awaitable[Result]]) -> Result:
    """What a client does whose request failed with 503, and the bus whose event did: once more."""
    try:
        return await command()
    except AzureError as error:
        if not is_outage(error):
            raise
        return await command()


@pytest.mark.parametrize("lost", LOST)
async def test_a_lost_answer_to_a_new_file_counts_once(faulty: FaultyStore, lost: Fault) -> None:
    user, key = actor(), new_id("key")
    faulty.next("batch", lost)
    made = await insist(lambda: begin(user, b"hello", "a", key))
    found = await drive(user.user_id)
    assert (found.used_bytes, found.files) == (5, 1)
    assert (await row(user.user_id, made.file.id)).state == "pending"
    assert len(await events_of(user.user_id, "atrium.files.file_changed.v1")) == 1


@pytest.mark.parametrize("lost", LOST)
async def test_lost_answers_to_a_verdict_a_version_and_a_purge_count_once(
    faulty: FaultyStore, lost: Fault
) -> None:
    user, key = actor(), new_id("key")
    file = await completed(user, b"1234")
    faulty.next("batch", lost)
    file = await insist(lambda: checked(file))
    assert file.state == "available"
    faulty.next("batch", lost)
    new = NewVersion.model_validate(promised(b"123456"))
    await insist(lambda: uploading.create_version(user, file.item_id, new, key))
    assert (await drive(user.user_id)).used_bytes == 10
    faulty.next("batch", lost)
    with suppress(UploadOver):  # as it is when he asks again
        await insist(lambda: uploading.give_up(user, file.item_id))
    assert (await drive(user.user_id)).used_bytes == 4
    faulty.next("batch", lost)
    await insist(lambda: purged(user.user_id, file.item_id))
    found = await drive(user.user_id)
    assert (found.used_bytes, found.files) == (0, 0)


async def overtake(drive_id: str) -> None:
    """Change a drive's root as another process would."""
    rows = table(SETTING, DRIVES)
    root = await rows.get_entity(drive_id, "drive")
    options: dict[str, Any] = {
        "etag": root.metadata["etag"],
        "match_condition": MatchConditions.IfNotModified,
    }
    await rows.update_entity({**root, "commit_id": "another"}, mode="replace", **options)


def lost_and_overtaken(drive_id: str) -> Fault:
    """The store has done it, the answer is lost, and somebody else writes before we ask again."""

    async def fault(_request: web.Request, forward: Forward) -> web.StreamResponse:
        await forward()
        await overtake(drive_id)
        return web.Response(status=503)

    return fault


async def test_a_lost_answer_that_was_overtaken_still_counts_once(faulty: FaultyStore) -> None:
    user = actor()
    faulty.next("batch", lost_and_overtaken(user.user_id))
    made = await begin(user, b"hello")
    assert made.upload
    found = await drive(user.user_id)
    assert (found.used_bytes, found.files) == (5, 1)
    faulty.next("batch", lost_and_overtaken(user.user_id))
    await arranging.make_folder(user, NewFolder(name="folder"), None)
    assert (await drive(user.user_id)).folders == 1

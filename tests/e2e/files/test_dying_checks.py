"""A worker dies by SIGKILL in the middle of a check, or of a purge: the verdict comes, and no bytes are left.

The sweep of orphans itself is tested without a host (tests/integration/files): it leaves alone what is young.
"""

from collections.abc import Iterator

import aiohttp
import pytest

from shared_code.faults import POINTS
from tests.harness.api import Api
from tests.harness.blobs import blobs_in
from tests.harness.faults import PATIENCE, Place, place_for_faults
from tests.harness.files import Files
from tests.harness.waiting import until_async

CHECKS = ("files.before_copy", "files.after_copy", "files.after_settle")
PURGE = "files.after_purge"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    faults = tmp_path_factory.mktemp("faults")
    with place_for_faults(tmp_path_factory.mktemp("killed"), faults) as found:
        yield found


def test_every_point_of_files_is_hit_here() -> None:
    assert {*CHECKS, PURGE} == {each for each in POINTS if each.startswith("files.")}


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("point", "content"),
    # What is rejected is never copied.
    [*((each, b"good") for each in CHECKS), ("files.after_settle", b"<html>no picture</html>")],
)
async def test_a_death_during_a_check_changes_no_verdict(
    place: Place, point: str, content: bytes
) -> None:
    content_type = "text/plain" if content == b"good" else "image/png"
    place.disarm()
    await place.until_two_workers()
    before = place.hits(point)
    async with aiohttp.ClientSession() as session:
        api = Api(session, place.stack.functions)
        files, ada = Files(api), await api.user()
        begun = await files.begun(ada, content, "dying", content_type=content_type)
        assert (await files.put(begun["upload"], content)).status == 201
        place.arm(point)
        await files.complete(ada, begun["file"]["id"])
        await place.until_hit(point, before)
        await place.until_two_workers()
        item = await files.settled(ada, begun["file"]["id"], PATIENCE)
        file_id = item["id"]

        async def is_buried() -> bool:
            held = await blobs_in(place.stack.storage, "files-quarantine", file_id)
            return [size for _, size in held] == [0]

        await until_async(is_buried, "the quarantine holds no bytes", PATIENCE)
        content_now = await blobs_in(place.stack.storage, "files-content", file_id)
        drive = await api.good("GET", "drive", ada)
        if content == b"good":
            assert (item["state"], item["version"]) == ("available", 1)
            assert (await files.content(ada, file_id)).body == content
            assert [size for _, size in content_now] == [4]
            assert drive["used_bytes"] == 4
        else:
            assert (item["state"], item["reason"]) == ("rejected", "content_type_mismatch")
            assert content_now == []
            assert drive["used_bytes"] == 0


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_death_after_a_purge_leaves_no_bytes(place: Place) -> None:
    place.disarm()
    await place.until_two_workers()
    before = place.hits(PURGE)
    async with aiohttp.ClientSession() as session:
        api = Api(session, place.stack.functions)
        files, ada = Files(api), await api.user()
        item = await files.available(ada, b"x" * 1000)
        kept = await files.available(ada, b"kept", "kept.txt")
        await api.good("DELETE", f"files/{item['id']}", ada)
        place.arm(PURGE)
        await api.good("DELETE", f"bin/{item['id']}", ada)
        await place.until_hit(PURGE, before)
        await place.until_two_workers()

        async def is_gone() -> bool:
            return not await blobs_in(place.stack.storage, "files-content", item["id"])

        await until_async(is_gone, "the bytes are gone", PATIENCE)
        drive = await api.good("GET", "drive", ada)
        assert (drive["used_bytes"], drive["files"]) == (4, 1)
        assert (await files.content(ada, kept["id"])).body == b"kept"

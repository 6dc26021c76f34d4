"""Large files, and many at once: bounded memory, exact quotas over two workers, parallel blocks."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.harness.api import Api
from tests.harness.files import Files, promised
from tests.harness.stack import Stack, with_settings, workers_of

MIB = 1024 * 1024
LARGE = 512 * MIB
MOST_ABOVE_IDLE = 100 * MIB
FITS = 50
PAGE = 4096


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of this module's own: two workers, a quota for a hundred thousand bytes, Azurite on disk."""
    with with_settings(
        tmp_path_factory.mktemp("quota"),
        FUNCTIONS_WORKER_PROCESS_COUNT="2",
        FILES_USER_QUOTA=str(FITS * 1000),
    ) as stack:
        yield stack


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of this module's own whose Azurite keeps bytes on disk, as for large files it must."""
    with with_settings(tmp_path_factory.mktemp("large"), memory=False) as stack:
        yield stack


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


async def most_of(pid: int, until: "asyncio.Task[object]") -> int:
    """The most memory that a process has while the task runs."""
    most = 0
    while not until.done():
        most = max(most, resident(pid))
        await asyncio.wait([until], timeout=0.02)
    return most


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_half_a_gigabyte_is_checked_in_bounded_memory(on_disk: Stack) -> None:
    content = hashlib.sha256(b"seed").digest() * (LARGE // 32)
    async with aiohttp.ClientSession() as session:
        api = Api(session, on_disk.functions)
        files, ada = Files(api), await api.user()
        await files.available(ada, b"warm", "warm.txt")
        [worker] = workers_of(on_disk)
        idle = resident(worker)
        begun = await files.begun(
            ada, content, "large.bin", content_type="application/octet-stream"
        )
        # Of 1 MiB: aiohttp warns of larger bodies that are bytes.
        answer = await files.put_blocks(begun["upload"], content, MIB)
        assert answer.status == 201
        assert (await files.complete(ada, begun["file"]["id"])).status == 202
        verdict = asyncio.create_task(files.settled(ada, begun["file"]["id"], 240))
        most = await most_of(worker, verdict)
        item = await verdict
        assert item["state"] == "available"
        assert most - idle < MOST_ABOVE_IDLE
        assert (await files.content(ada, item["id"])).body == content


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_of_a_hundred_uploads_at_once_as_many_begin_as_the_quota_holds(
    two_workers: Stack,
) -> None:
    async with aiohttp.ClientSession() as session:
        api = Api(session, two_workers.functions)
        ada = await api.user()

        async def begin(number: int) -> int:
            body = {"name": f"file {number}", **promised(bytes(1000))}
            while True:
                answer = await api.call("POST", "files", ada, json=body)
                if answer.status != 503:  # too much at a time: a client tries again
                    assert answer.status == 201 or answer.code == "quota_exceeded", answer
                    return answer.status

        statuses = await asyncio.gather(*(begin(each) for each in range(2 * FITS)))
        assert statuses.count(201) == FITS
        drive = await api.good("GET", "drive", ada)
        assert (drive["used_bytes"], drive["files"]) == (FITS * 1000, FITS)

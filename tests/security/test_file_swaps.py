"""Bytes that change under the check: whatever anybody puts there meanwhile, it never becomes content.

The stack's scanner is played by the test, so that a check can be stopped where it hurts: after it has read
everything, and before it says so.
"""

import asyncio
import hashlib
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness.api import Api, User
from tests.harness.blobs import blobs_of, swap, until_no_bytes
from tests.harness.files import Files
from tests.harness.stack import Stack, with_settings
from tests.harness.waiting import until_async

SIZE = 1_000_000
AT_ONCE = 4  # checks of one worker


class Scanner:
    """A clamd that reads what it is given, and answers when it is told to."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self._read: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            digest = hashlib.sha256()
            await reader.readuntil(b"\0")
            while size := int.from_bytes(await reader.readexactly(4)):
                digest.update(await reader.readexactly(size))
            self._read[digest.hexdigest()] += 1
            await self.may_answer.wait()
            writer.write(b"stream: OK\0")
            await writer.drain()
        writer.close()

    async def has_read(self, content: bytes, times: int = 1) -> None:
        """Wait until it has been given this content to its end, so often."""
        digest = hashlib.sha256(content).hexdigest()

        async def often() -> bool:
            return self._read[digest] >= times

        await until_async(often, "the scanner has read it", 30)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The socket of the stack's scanner; nobody listens there but while a test does."""
    return tmp_path_factory.mktemp("clamd") / "s"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, place: Path) -> Iterator[Stack]:
    with with_settings(
        tmp_path_factory.mktemp("swaps"), FILES_SCANNER=f"clamav://{place}"
    ) as found:
        yield found


@pytest.fixture
async def api(stack: Stack) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession() as session:
        yield Api(session, stack.functions)


@pytest.fixture
async def scanner(place: Path) -> AsyncIterator[Scanner]:
    found = Scanner()
    server = await asyncio.start_unix_server(found.serve, place)
    try:
        yield found
    finally:
        found.may_answer.set()
        server.close()


async def completed(files: Files, user: User, content: bytes, name: str = "a") -> dict[str, Any]:
    """An upload that is complete, and not checked yet."""
    begun = await files.begun(user, content, name, content_type="application/octet-stream")
    assert (await files.put(begun["upload"], content)).status == 201
    answer = await files.complete(user, begun["file"]["id"])
    assert (answer.status, answer.body["state"]) == (202, "checking")
    return begun


async def refused(files: Files, stack: Stack, user: User, file_id: str) -> str:
    item = await files.settled(user, file_id)
    assert item["state"] == "rejected", item
    await until_no_bytes(stack, file_id)
    answer = await files.download(user, file_id)
    assert (answer.status, answer.code) == (409, "file_rejected")
    return str(item["reason"])


@pytest.mark.parametrize("size", [SIZE, 100, 0])
async def test_what_is_swapped_after_it_was_read_is_not_taken(
    files: Files, stack: Stack, scanner: Scanner, size: int
) -> None:
    ada, content = await files.api.user(), secrets.token_bytes(SIZE)
    begun = await completed(files, ada, content)
    await scanner.has_read(content)
    await swap(stack, begun["file"]["id"], secrets.token_bytes(size))
    scanner.may_answer.set()
    assert await refused(files, stack, ada, begun["file"]["id"]) == "changed_while_checked"


async def test_what_is_swapped_before_it_is_read_is_read(
    files: Files, stack: Stack, scanner: Scanner
) -> None:
    """Between the client's completion and the check: the swap is of the same size."""
    ada, content = await files.api.user(), secrets.token_bytes(SIZE)
    first = [await completed(files, ada, content, f"{number}") for number in range(AT_ONCE)]
    await scanner.has_read(content, AT_ONCE)  # so the next one has to wait
    last = await completed(files, ada, content, "last")
    await swap(stack, last["file"]["id"], secrets.token_bytes(SIZE))
    scanner.may_answer.set()
    assert await refused(files, stack, ada, last["file"]["id"]) == "sha256_mismatch"
    for begun in first:
        assert (await files.settled(ada, begun["file"]["id"]))["state"] == "available"


async def test_while_it_is_checked_the_address_is_useless_and_nothing_is_read(
    files: Files, scanner: Scanner
) -> None:
    ada, content = await files.api.user(), secrets.token_bytes(SIZE)
    begun = await completed(files, ada, content)
    file_id, upload = begun["file"]["id"], begun["upload"]
    await scanner.has_read(content)
    for answer in (
        await files.put(upload, b"other"),
        await files.put_block(upload, 1, b"other"),
        await files.commit(upload, []),
    ):
        assert (answer.status, answer.code) == (412, "LeaseIdMissing")
    refusal = await files.download(ada, file_id)
    assert (refusal.status, refusal.code) == (409, "scan_pending")
    for method, action in (("POST", "complete"), ("GET", "upload"), ("DELETE", "upload")):
        again = await files.api.call(method, f"files/{file_id}/{action}", ada)
        assert (again.status, again.code) == (409, "already_completed")
    scanner.may_answer.set()
    item = await files.settled(ada, file_id)
    assert item["state"] == "available"
    assert (await files.content(ada, file_id)).body == content


async def test_without_a_scanner_nothing_becomes_available_until_it_is_back(
    files: Files, stack: Stack, place: Path
) -> None:
    ada, content = await files.api.user(), secrets.token_bytes(SIZE)
    begun = await completed(files, ada, content)
    file_id = begun["file"]["id"]

    async def a_check_has_failed() -> bool:
        return "no connection to clamd" in stack.log("functions_host")

    await until_async(a_check_has_failed, "a check has found no scanner", 60)
    assert (await files.get(ada, file_id))["state"] == "checking"
    refusal = await files.download(ada, file_id)
    assert (refusal.status, refusal.code) == (409, "scan_pending")
    assert list((await blobs_of(stack, file_id)).values()) == [SIZE]
    back = Scanner()
    back.may_answer.set()
    server = await asyncio.start_unix_server(back.serve, place)
    try:
        item = await files.settled(ada, file_id, 90)
    finally:
        server.close()
    assert item["state"] == "available"
    assert (await files.content(ada, file_id)).body == content

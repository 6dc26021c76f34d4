"""Published documents: how old a copy may be, and what an outage does to readers."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError

from shared_code import published
from shared_code.errors import Unavailable
from shared_code.published import PublishedDocument

MAX_AGE = 10.0


@dataclass
class Clock:
    """A monotonic clock that moves when told."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Blob:
    """A blob that counts its readers, and stops answering when told."""

    content: bytes = b"first"
    etag: str = "1"
    down: bool = False
    asked: list[dict[str, Any]] = field(default_factory=list)
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    properties: Any = None

    def get_blob_client(self, container: str, name: str) -> "Blob":
        assert (container, name) == (published.CONTAINER, "doc")
        return self

    async def download_blob(self, **options: Any) -> "Blob":
        self.asked.append(options)
        await self.answering.wait()
        if self.down:
            raise ServiceRequestError("no route")
        if options.get("etag") == self.etag:
            error = HttpResponseError("not modified")
            error.status_code = 304
            raise error
        self.properties = self
        return self

    async def readall(self) -> bytes:
        return self.content

    def replace(self, content: bytes) -> None:
        self.content, self.etag = content, self.etag + "1"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(published, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def blob(monkeypatch: pytest.MonkeyPatch) -> Blob:
    blob = Blob()
    blob.answering.set()
    monkeypatch.setattr(published, "blob_service", lambda _: blob)
    return blob


@pytest.fixture
def document() -> PublishedDocument[str]:
    return PublishedDocument("doc", bytes.decode, MAX_AGE)


async def test_a_young_copy_is_served_without_asking(
    document: PublishedDocument[str], blob: Blob, clock: Clock
) -> None:
    await document.get()
    clock.now += MAX_AGE - 0.1
    assert await document.get() == "first"
    assert len(blob.asked) == 1


async def test_an_old_copy_is_refreshed_by_a_conditional_get(
    document: PublishedDocument[str], blob: Blob, clock: Clock
) -> None:
    await document.get()
    clock.now += MAX_AGE
    assert await document.get() == "first"
    assert blob.asked[1]["etag"] == "1"
    clock.now += MAX_AGE
    blob.replace(b"second")
    assert await document.get() == "second"


async def test_a_reader_may_ask_for_a_younger_copy(
    document: PublishedDocument[str], blob: Blob, clock: Clock
) -> None:
    await document.get()
    blob.replace(b"second")
    clock.now += 1.0
    assert await document.get() == "first"
    assert await document.get(max_age=1.0) == "second"


async def test_readers_at_the_same_time_share_one_refresh(
    document: PublishedDocument[str], blob: Blob
) -> None:
    blob.answering.clear()
    readers = [asyncio.ensure_future(document.get()) for _ in range(20)]
    await asyncio.sleep(0)
    blob.answering.set()
    assert set(await asyncio.gather(*readers)) == {"first"}
    assert len(blob.asked) == 1


async def test_in_an_outage_the_copy_serves_for_the_grace_and_no_longer(
    document: PublishedDocument[str], blob: Blob, clock: Clock
) -> None:
    await document.get()
    blob.down = True
    clock.now += MAX_AGE + 29.0
    assert await document.get() == "first"
    clock.now += 2.0
    with pytest.raises(Unavailable):
        await document.get()


async def test_after_a_long_outage_an_unchanged_document_serves_again(
    document: PublishedDocument[str], blob: Blob, clock: Clock
) -> None:
    await document.get()
    blob.down = True
    clock.now += MAX_AGE + 100.0
    with pytest.raises(Unavailable):
        await document.get()
    blob.down = False
    clock.now += 1.0
    assert await document.get() == "first"


async def test_an_outage_is_asked_about_at_most_once_a_second(
    document: PublishedDocument[str], blob: Blob, clock: Clock
) -> None:
    blob.down = True
    for _ in range(5):
        with pytest.raises(Unavailable):
            await document.get()
    assert len(blob.asked) == 1
    clock.now += 1.0
    with pytest.raises(Unavailable):
        await document.get()
    assert len(blob.asked) == 2


async def test_a_blob_that_never_answers_counts_as_an_outage(
    document: PublishedDocument[str], blob: Blob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "_REFRESH_SECONDS", 0.01)
    blob.answering.clear()
    with pytest.raises(Unavailable):
        await document.get()


async def test_a_refresh_is_one_request_without_the_sdks_slow_retries(
    document: PublishedDocument[str], blob: Blob
) -> None:
    await document.get()
    assert blob.asked[0]["retry_total"] == 0


async def test_the_document_is_parsed_once_for_each_version(blob: Blob, clock: Clock) -> None:
    parsed: list[bytes] = []

    def parse(content: bytes) -> int:
        parsed.append(content)
        return len(parsed)

    document = PublishedDocument("doc", parse, MAX_AGE)
    await document.get()
    clock.now += MAX_AGE
    assert await document.get() == 1
    assert parsed == [blob.content]

"""Files: bytes through our addresses beside raw Azurite, and how long a check takes and what memory it needs.

One client and one run for both sides of a comparison: blocks of 8 MiB, four at a time, over plain HTTP.
"""

import asyncio
import base64
import hashlib
import os
import secrets
import statistics
import time
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from bench.chat import Row
from bench.client import Atrium, User, atrium, endpoints

_MIB = 1024 * 1024
_BLOCK = 8 * _MIB
_AT_ONCE = 4
_COMPARED = 64 * _MIB
_ROUNDS = 5
_CHECKED = (1, 64, 512)
_LIMIT_SECONDS = 240.0
_CONTAINER = "bench"
# Azurite's account is the same everywhere (learn.microsoft.com/azure/storage/common/storage-use-azurite).
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def content_of(size: int) -> bytes:
    """Bytes that look like nothing else, made fast."""
    piece = secrets.token_bytes(_MIB)
    return (piece * (size // _MIB + 1))[:size]


async def put(session: aiohttp.ClientSession, url: str, content: bytes) -> None:
    """Upload in blocks to an address with a signature, and commit them."""
    slots = asyncio.Semaphore(_AT_ONCE)
    view = memoryview(content)

    async def block(number: int) -> str:
        block_id = base64.b64encode(f"{number:06d}".encode()).decode()
        async with slots:
            piece = bytes(view[number * _BLOCK : (number + 1) * _BLOCK])
            address = f"{url}&comp=block&blockid={quote(block_id)}"
            async with session.put(address, data=piece) as answer:
                answer.raise_for_status()
        return block_id

    ids = await asyncio.gather(*(block(each) for each in range(-(-len(content) // _BLOCK))))
    named = "".join(f"<Latest>{each}</Latest>" for each in ids)
    body = f"<BlockList>{named}</BlockList>".encode()
    async with session.put(f"{url}&comp=blocklist", data=body) as answer:
        answer.raise_for_status()


async def get(session: aiohttp.ClientSession, url: str) -> int:
    """Download; how many bytes came."""
    size = 0
    async with session.get(url) as answer:
        answer.raise_for_status()
        async for piece in answer.content.iter_chunked(_MIB):
            size += len(piece)
    return size


async def begun(api: Atrium, user: User, content: bytes, name: str) -> Any:
    """A file that waits for this content."""
    return await api.call(
        "POST",
        "files",
        user.token,
        name=name,
        size=len(content),
        content_type="application/octet-stream",
        sha256=hashlib.sha256(content).hexdigest(),
    )


async def checked(api: Atrium, user: User, file_id: str) -> float:
    """Seconds from `complete` to the verdict, asked for every 10 ms."""
    started = time.perf_counter()
    await api.call("POST", f"files/{file_id}/complete", user.token)
    async with asyncio.timeout(_LIMIT_SECONDS):
        while (await api.call("GET", f"files/{file_id}", user.token))["state"] == "checking":
            await asyncio.sleep(0.01)
    return time.perf_counter() - started


def raw_address(name: str) -> str:
    """An address of the store itself, for one blob of a container of the benchmark."""
    url = endpoints()["blob"].rstrip("/")
    base = url if urlsplit(url).path.strip("/") else f"{url}/{_ACCOUNT}"
    service = BlobServiceClient(base, credential=_KEY)
    container = service.get_container_client(_CONTAINER)
    if not container.exists():
        container.create_container()
    signature = generate_container_sas(
        _ACCOUNT,
        _CONTAINER,
        account_key=_KEY,
        permission=ContainerSasPermissions(read=True, write=True, create=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return f"{base}/{_CONTAINER}/{name}?{signature}"


async def _timed(work: Awaitable[Any]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


def _in_turn[Each](number: int, *each: Each) -> tuple[Each, ...]:
    """Who is first in one round is second in the next."""
    return each if number % 2 else each[::-1]


async def _compared(api: Atrium, session: aiohttp.ClientSession, user: User) -> list[Row]:
    """Uploads and downloads of 64 MiB, ours and raw in turn."""
    content = content_of(_COMPARED)
    times: dict[str, list[float]] = {each: [] for each in ("up", "raw up", "down", "raw down")}
    for number in range(_ROUNDS):
        file = await begun(api, user, content, f"compared-{number}")
        ours, raw = file["upload"]["url"], raw_address(f"compared-{number}")
        for kind, url in _in_turn(number, ("raw up", raw), ("up", ours)):
            times[kind].append(await _timed(put(session, url, content)))
        await checked(api, user, file["file"]["id"])
        path = f"files/{file['file']['id']}/download"
        address = (await api.call("GET", path, user.token))["url"]
        await get(session, raw)  # the copy of ours has just been written, so is in memory
        for kind, url in _in_turn(number, ("raw down", raw), ("down", address)):
            times[kind].append(await _timed(get(session, url)))
    rates = {kind: _COMPARED / 1e6 / statistics.median(each) for kind, each in times.items()}
    return [
        (
            f"{name}, 64 MiB",
            f"{rates[kind]:6.0f} MB/s   raw {rates[raw]:6.0f}   ratio {rates[kind] / rates[raw]:.2f}",
        )
        for name, kind, raw in (("upload", "up", "raw up"), ("download", "down", "raw down"))
    ]


async def _verdicts(
    api: Atrium, session: aiohttp.ClientSession, user: User, idle: dict[int, int]
) -> list[Row]:
    """From `complete` to `available`, and the most memory of a worker meanwhile, above idle."""
    rows: list[Row] = []
    for mebibytes in _CHECKED:
        content = content_of(mebibytes * _MIB)
        file = await begun(api, user, content, f"checked-{mebibytes}")
        await put(session, file["upload"]["url"], content)
        most = dict(idle)
        watch = asyncio.create_task(_note_most(most))
        seconds = await checked(api, user, file["file"]["id"])
        watch.cancel()
        grown = max(most[pid] - size for pid, size in idle.items())
        rows.append(
            (
                f"complete → available, {mebibytes} MiB",
                f"{seconds:6.2f} s   worker {grown / _MIB:+.0f} MiB above idle",
            )
        )
    return rows


async def _note_most(most: dict[int, int]) -> None:
    """Note the most memory of each worker until cancelled."""
    while True:
        for pid, size in workers_memory().items():
            most[pid] = max(size, most.get(pid, 0))
        await asyncio.sleep(0.02)


def workers_memory() -> dict[int, int]:
    """The resident memory of the stack's function workers, in bytes by process."""
    children: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text().rpartition(")")[2].split()
            names[int(path.name)] = (path / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        children.setdefault(int(stat[1]), []).append(int(path.name))
    found, waiting = {}, [int(endpoints()["pid"])]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        if "functions_host.worker" in names.get(pid, ""):
            found[pid] = _resident(pid)
    return found


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def measure() -> list[Row]:
    """All rows of the table."""
    async with atrium() as api, aiohttp.ClientSession() as session:
        user = await api.register("Bench")
        idle = workers_memory()
        verdicts = await _verdicts(api, session, user, idle)
        return [*await _compared(api, session, user), *verdicts]


if __name__ == "__main__":
    for _name, _figure in asyncio.run(measure()):
        print(f"  {_name:<34} {_figure}")

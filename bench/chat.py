"""Chat: how fast sends are acknowledged, and how soon they are heard.

Every figure is measured through HTTP against the running stack, on the same machine, client included.
"""

import asyncio
import statistics
import time
from typing import Any

from bench.client import Atrium, User, atrium

_TEXT = "x" * 120
_SECONDS = 5.0
_HEARD_SENDS = 60
_LIMIT_SECONDS = 30.0

type Row = tuple[str, str]


def percentiles(seconds: list[float]) -> str:
    """Median and 95th percentile, in words."""
    cuts = statistics.quantiles(seconds, n=20)
    return f"p50 {1000 * statistics.median(seconds):6.1f} ms   p95 {1000 * cuts[18]:6.1f} ms"


async def acknowledged(api: Atrium, senders: list[User], room_id: str) -> Row:
    """Acknowledged messages/s when every sender sends the next as soon as one is acknowledged."""
    latencies: list[float] = []
    end = time.perf_counter() + _SECONDS

    async def send_on(user: User) -> None:
        while (started := time.perf_counter()) < end:
            await api.send(user, room_id, _TEXT)
            latencies.append(time.perf_counter() - started)

    await asyncio.gather(*(send_on(user) for user in senders))
    rate = len(latencies) / _SECONDS
    return f"{len(senders)} senders, one room", f"{rate:7.0f}/s   {percentiles(latencies)}"


async def heard(api: Atrium, owner: User, room_id: str, listener: User) -> list[Row]:
    """From before the send to the frame at another user, one message at a time."""
    arrived: dict[int, float] = {}
    news = asyncio.Event()

    def hear(frame: dict[str, Any], at: float) -> None:
        arrived[frame["seq"]] = at
        news.set()

    async with api.listening(listener, hear):
        await _until_heard(api, owner, room_id, arrived)
        answers, receipts = [], []
        for _ in range(_HEARD_SENDS):
            started = time.perf_counter()
            seq = (await api.send(owner, room_id, _TEXT))["seq"]
            answers.append(time.perf_counter() - started)
            async with asyncio.timeout(_LIMIT_SECONDS):
                while seq not in arrived:
                    news.clear()
                    await news.wait()
            receipts.append(arrived[seq] - started)
    return [("send → answer", percentiles(answers)), ("send → receive", percentiles(receipts))]


async def _until_heard(api: Atrium, owner: User, room_id: str, arrived: dict[int, float]) -> None:
    async with asyncio.timeout(_LIMIT_SECONDS):
        while not arrived:
            await api.send(owner, room_id, _TEXT)
            await asyncio.sleep(0.2)


async def measure() -> list[Row]:
    """All rows of the chat table."""
    rows: list[Row] = []
    async with atrium() as api:
        users = [await api.register(f"User{n}") for n in range(32)]
        room_id = await api.room(*users)
        rows += await heard(api, users[0], room_id, users[1])
        for count in (1, 8, 32):
            room_id = await api.room(*users[:count])
            rows.append(await acknowledged(api, users[:count], room_id))
    return rows

"""Workers die in the middle of commits: the log stays gapless, nothing accepted is lost or doubled.

Two worker processes compete for one room while one after another is killed; senders repeat what got no
answer, with its client id, as a client would.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.harness.api import Api, User, until_sent
from tests.harness.stack import Stack, with_settings, workers_of
from tests.harness.waiting import until_async

SENDERS = 16
MESSAGES = 60
KILLS = 6


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[Stack]:
    """A stack of this test's own, whose host runs two workers."""
    with with_settings(tmp_path, FUNCTIONS_WORKER_PROCESS_COUNT="2") as stack:
        yield stack


async def _talk(api: Api, user: User, room_id: str, accepted: dict[str, int]) -> None:
    known = 2
    for n in range(MESSAGES):
        client_id = f"{user.id}-{n}"
        body = {"text": f"text {n}", "client_id": client_id, "after_seq": known}
        known = accepted[client_id] = await until_sent(api, user, room_id, body)


@pytest.mark.long
async def test_killed_workers_lose_and_double_nothing(two_workers: Stack) -> None:
    async with aiohttp.ClientSession() as session:
        api = Api(session, two_workers.functions)
        users = [await api.user(f"User{n}") for n in range(SENDERS)]
        room_id = await api.room(*users)
        accepted: dict[str, int] = {}
        talks = [asyncio.create_task(_talk(api, user, room_id, accepted)) for user in users]
        for kill in range(KILLS):
            share = SENDERS * MESSAGES * (kill + 1) // (KILLS + 2)

            async def is_ready(share: int = share) -> bool:
                return len(accepted) >= share and len(workers_of(two_workers)) == 2

            await until_async(is_ready, f"{share} messages and two workers", 60)
            os.kill(workers_of(two_workers)[kill % 2], signal.SIGKILL)
        await asyncio.gather(*talks)
        log = await api.log(users[0], room_id)
    assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
    said = {e["data"]["client_id"]: e["seq"] for e in log if e["type"] == "message.sent"}
    assert said == accepted
    assert len(log) == 1 + SENDERS + len(accepted)

"""Keys are rotated by command while clients go on: no request fails, and no process is started anew.

Two workers, each with copies of its own. The workers look at the keys once a minute, so this takes minutes.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from tests.harness.api import Answer, Api
from tests.harness.key_rotation import rotate_keys
from tests.harness.stack import Stack, with_settings, workers_of
from tests.harness.waiting import until_async

CLIENTS = 4
IN_A_ROW = 40
"""So many new tokens with one key, over all clients: then both workers have signed some of them."""


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[Stack]:
    with with_settings(tmp_path, FUNCTIONS_WORKER_PROCESS_COUNT="2") as stack:
        yield stack


@dataclass
class Clients:
    """Clients that refresh and use their tokens until they are stopped."""

    api: Api
    signed: list[str] = field(default_factory=list)
    """The keys of the tokens that were issued, in their order."""
    bad: list[Answer] = field(default_factory=list)
    stopped: bool = False

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(CLIENTS):
                tasks.create_task(self._client())

    async def _client(self) -> None:
        refresh_token = await signed_in(self.api)
        while not self.stopped:
            body = {"refresh_token": refresh_token}
            answer = await self._call("POST", "auth/refresh", json=body)
            refresh_token = answer.body["refresh_token"]
            self.signed.append(kid_of(answer.body["access_token"]))
            for path in ("auth/me", "rooms"):
                await self._call("GET", path, headers=bearer(answer.body["access_token"]))

    async def _call(self, method: str, path: str, **options: Any) -> Answer:
        answer = await self.api.call(method, path, **options)
        if answer.status != 200:
            self.bad.append(answer)
        return answer

    async def all_sign_with(self, kid: str) -> bool:
        assert self.bad == []
        return len(self.signed) >= IN_A_ROW and set(self.signed[-IN_A_ROW:]) == {kid}


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def signed_in(api: Api) -> str:
    user = await api.user()
    body = {"email": user.email, "password": user.password}
    return str((await api.good("POST", "auth/login", json=body))["refresh_token"])


@pytest.mark.long
async def test_nobody_notices_two_rotations(two_workers: Stack) -> None:
    settings, workers = two_workers.settings, workers_of(two_workers)
    async with aiohttp.ClientSession() as session:
        api = Api(session, two_workers.functions)
        oldest = (await api.user()).token
        clients = Clients(api)
        running = asyncio.create_task(clients.run())
        first = kid_of(oldest)
        await until_async(lambda: clients.all_sign_with(first), "clients are at work")

        second = (await rotate_keys(settings=settings, minutes_ahead=60)).kid
        assert second != first
        await until_async(lambda: clients.all_sign_with(second), "the second key signs", 90)
        for path in ("auth/me", "rooms"):
            assert (await api.call("GET", path, headers=bearer(oldest))).status == 200

        third = (await rotate_keys(settings=settings, minutes_ahead=60)).kid
        await until_async(lambda: clients.all_sign_with(third), "the third key signs", 90)
        for path in ("auth/me", "rooms"):
            answer = await api.call("GET", path, headers=bearer(oldest))
            assert (answer.status, answer.code) == (401, "unauthenticated")
        clients.stopped = True
        await running
    assert clients.bad == []
    assert workers_of(two_workers) == workers

"""Limits of host.json on HTTP requests."""

import asyncio

from emulators.functions_host.host_json import HttpOptions
from emulators.functions_host.http.response import Response
from emulators.functions_host.http.throttle import throttle


class Work:
    """Requests that end when the test says so."""

    def __init__(self) -> None:
        self.running = 0
        self.may_end = asyncio.Event()

    async def answer(self) -> Response:
        self.running += 1
        await self.may_end.wait()
        self.running -= 1
        return Response(200)


async def statuses(options: HttpOptions, requests: int) -> tuple[int, list[int]]:
    """How many of so many requests run at first, and how all end."""
    gate = throttle(options)
    assert gate is not None
    work = Work()
    tasks = [asyncio.create_task(gate.pass_through(work.answer)) for _ in range(requests)]
    for _ in range(3):
        await asyncio.sleep(0)
    running = work.running
    work.may_end.set()
    return running, [(await task).status for task in tasks]


async def test_requests_beyond_max_concurrent_wait_their_turn() -> None:
    assert await statuses(HttpOptions(max_concurrent=2), 5) == (2, [200] * 5)


async def test_waiting_requests_count_as_outstanding() -> None:
    found = await statuses(HttpOptions(max_concurrent=1, max_outstanding=3), 5)
    assert found == (1, [200, 200, 200, 429, 429])


def test_without_limits_there_is_no_gate() -> None:
    assert throttle(HttpOptions()) is None

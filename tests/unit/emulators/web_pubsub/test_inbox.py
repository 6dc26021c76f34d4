"""Requests of one connection are handled in order, and none after the end."""

import asyncio
from collections.abc import Coroutine

import pytest

from emulators.web_pubsub.codec import JoinGroup, Ping, Request, SendEvent
from emulators.web_pubsub.inbox import CAPACITY, Inbox
from emulators.web_pubsub.messages import Content, DataType

EVENT = SendEvent("e", Content(DataType.TEXT, b""), None)


class Recorder:
    """Handles events slowly, on request, and the rest at once."""

    def __init__(self) -> None:
        self.handled: list[Request] = []
        self.finished = 0
        self.release = asyncio.Event()
        self.inbox = Inbox(self.handle)

    def handle(self, request: Request) -> Coroutine[None, None, None] | None:
        self.handled.append(request)
        return self._wait() if isinstance(request, SendEvent) else None

    async def _wait(self) -> None:
        await self.release.wait()
        self.finished += 1


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_comes_after_a_slow_event_waits_for_it() -> None:
    recorder = Recorder()
    await recorder.inbox.put(EVENT)
    await recorder.inbox.put(JoinGroup("g", None))
    await settle()
    assert recorder.handled == [EVENT]
    recorder.release.set()
    await settle()
    assert recorder.handled == [EVENT, JoinGroup("g", None)]


async def test_a_ping_does_not_wait_behind_a_slow_event() -> None:
    recorder = Recorder()
    await recorder.inbox.put(EVENT)
    await recorder.inbox.put(Ping())
    assert recorder.handled == [EVENT, Ping()]
    recorder.release.set()
    await settle()


async def test_closing_cancels_the_pending_event_and_prevents_queued_ones() -> None:
    recorder = Recorder()
    await recorder.inbox.put(EVENT)
    await recorder.inbox.put(JoinGroup("g", None))
    await settle()
    recorder.inbox.close()
    recorder.release.set()
    await settle()
    await recorder.inbox.put(Ping())
    assert (recorder.handled, recorder.finished) == ([EVENT], 0)


async def test_a_full_inbox_stops_the_reader_until_there_is_room() -> None:
    recorder = Recorder()
    await recorder.inbox.put(EVENT)
    for _ in range(CAPACITY):
        await recorder.inbox.put(JoinGroup("g", None))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(recorder.inbox.put(JoinGroup("late", None)), 0.01)
    late = asyncio.create_task(recorder.inbox.put(JoinGroup("late", None)))
    await settle()
    recorder.release.set()
    await late
    await settle()
    assert recorder.handled[-1] == JoinGroup("late", None)
    assert len(recorder.handled) == CAPACITY + 2

"""How the queue trigger takes a message to its end, without a queue service."""

import asyncio
from collections.abc import Awaitable, Callable
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest

from emulators.functions_host.clients.queues import QueueMessage, Wakers
from emulators.functions_host.clients.storage import StorageError
from emulators.functions_host.console import Console
from emulators.functions_host.host_json import HostJson, QueueOptions
from emulators.functions_host.model import Binding, Function, Outcome, TriggerInput
from emulators.functions_host.triggers import queue_listener
from emulators.functions_host.triggers.base import Wiring
from emulators.functions_host.triggers.queue import QueueTrigger

BINDING = Binding("msg", "queueTrigger", "in", {"queueName": "q"})


def message(text: str = "aGk=", dequeue_count: int = 1) -> QueueMessage:
    when = "Mon, 23 Nov 2026 12:00:00 GMT"
    return QueueMessage("m1", "receipt", text, dequeue_count, when, when, when)


class FakeQueue:
    """Records what is done to messages; gives out those it was made with."""

    def __init__(self, *messages: QueueMessage, name: str = "q", missing: bool = False) -> None:
        self.name = name
        self.key = ("", name)
        self.messages = list(messages)
        self.done: list[Any] = []
        self.happened: asyncio.Queue[None] = asyncio.Queue()
        self.poison: FakeQueue | None = None
        self.missing = missing

    def note(self, *action: Any) -> None:
        self.done.append(action)
        self.happened.put_nowait(None)

    def sibling(self, name: str) -> "FakeQueue":
        self.poison = FakeQueue(name=name, missing=True)
        return self.poison

    async def receive(self, most: int, visibility: float) -> list[QueueMessage]:
        assert visibility == 600
        given, self.messages = self.messages[:most], self.messages[most:]
        return given

    async def delete(self, item: QueueMessage) -> None:
        self.note("delete", item.id)

    async def hide(self, item: QueueMessage, seconds: float) -> None:
        self.note("hide", item.id, seconds)

    async def put(self, text: str) -> None:
        if self.missing:
            raise StorageError(404, "QueueNotFound")
        self.note("put", text)

    async def put_or_create(self, text: str) -> None:
        if self.missing:
            await self.create()
        await self.put(text)

    async def create(self) -> None:
        self.missing = False
        self.note("create")


def trigger(
    fake: FakeQueue, run: Callable[[TriggerInput], Awaitable[Outcome]], **options: Any
) -> QueueTrigger:
    services: Any = SimpleNamespace(
        host_json=HostJson(queues=QueueOptions(**options)),
        console=Console(StringIO()),
        queue=lambda _: fake,
        note=lambda *_: None,
        wakers=Wakers(),
        azure_timing=False,
    )
    return QueueTrigger(Wiring(Function("f", "id", [BINDING]), BINDING, run), services)


async def ran_to_its_end(made: QueueTrigger, fake: FakeQueue) -> list[Any]:
    await made.start()
    async with asyncio.timeout(5):
        await fake.happened.get()
    await made.stop()
    return fake.done


async def succeed(value: TriggerInput) -> Outcome:
    assert value.value == ("string", "hi")
    return Outcome(ok=True)


async def fail(value: TriggerInput) -> Outcome:
    del value
    return Outcome(ok=False, error="no")


async def never(value: TriggerInput) -> Outcome:
    raise AssertionError(value)


async def test_a_message_that_succeeded_is_deleted() -> None:
    fake = FakeQueue(message())
    assert await ran_to_its_end(trigger(fake, succeed), fake) == [("delete", "m1")]


async def test_a_message_that_failed_is_visible_again_after_the_visibility_timeout() -> None:
    fake = FakeQueue(message())
    made = trigger(fake, fail, visibility_timeout=30.0)
    assert await ran_to_its_end(made, fake) == [("hide", "m1", 30.0)]


async def test_the_last_failure_moves_the_text_to_the_poison_queue_as_it_stood() -> None:
    fake = FakeQueue(message(dequeue_count=5))
    assert await ran_to_its_end(trigger(fake, fail), fake) == [("delete", "m1")]
    assert fake.poison is not None
    assert fake.poison.name == "q-poison"
    assert fake.poison.done == [("create",), ("put", "aGk=")]


async def test_a_message_dequeued_too_often_is_poison_without_running() -> None:
    fake = FakeQueue(message(dequeue_count=6))
    assert await ran_to_its_end(trigger(fake, never), fake) == [("delete", "m1")]


async def test_text_that_is_not_base64_does_not_run() -> None:
    fake = FakeQueue(message("not base64!"))
    assert await ran_to_its_end(trigger(fake, never), fake) == [("hide", "m1", 0.0)]


async def test_a_poison_queue_has_no_poison_queue() -> None:
    fake = FakeQueue(message(dequeue_count=5), name="q-poison")
    assert await ran_to_its_end(trigger(fake, fail), fake) == [("hide", "m1", 600.0)]
    assert fake.poison is None


async def test_a_message_stays_hidden_while_its_function_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeQueue(message())
    monkeypatch.setattr(asyncio, "sleep", _without_waiting(asyncio.sleep))

    async def slow(value: TriggerInput) -> Outcome:
        del value
        for _ in range(2):
            await fake.happened.get()
        return Outcome(ok=True)

    done = await ran_to_its_end(trigger(fake, slow), fake)
    assert done[:2] == [("hide", "m1", 600.0)] * 2
    assert done[-1] == ("delete", "m1")


def _without_waiting(
    sleep: Callable[[float], Awaitable[None]],
) -> Callable[[float], Awaitable[None]]:
    async def at_once(seconds: float) -> None:
        assert seconds in {0, 300}
        await sleep(0)

    return at_once


async def test_a_batch_that_arrives_while_stopping_is_given_back() -> None:
    fake = FakeQueue()
    arrived = asyncio.Event()

    async def late(most: int, visibility: float) -> list[QueueMessage]:
        del most, visibility
        await arrived.wait()
        return [message()]

    fake.receive = late  # type: ignore[method-assign]  # the service answers late
    made = trigger(fake, never)
    await made.start()
    await asyncio.sleep(0)
    stopping = asyncio.create_task(made.stop())
    await asyncio.sleep(0)
    arrived.set()
    await stopping
    assert fake.done == [("hide", "m1", 0)]


def test_azures_back_off_doubles_up_to_the_longest_interval() -> None:
    assert queue_listener.azure_delay(1, 60) == 0.1
    assert 0.18 <= queue_listener.azure_delay(2, 60) <= 0.22
    assert 0.9 - 0.2 <= queue_listener.azure_delay(5, 60) <= 1.1
    assert queue_listener.azure_delay(50, 60) == 60


def test_the_local_back_off_stays_within_a_tenth_of_a_second() -> None:
    delays = [queue_listener.fast_delay(number) for number in range(1, 50)]
    assert delays == sorted(delays)
    assert (delays[0], delays[-1]) == (0.01, 0.1)

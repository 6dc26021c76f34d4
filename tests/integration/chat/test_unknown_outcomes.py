"""Commits whose outcome is not known, with real faults between the SDK and the store.

Whatever happens to a request or its answer, the message ends exactly once in the log: the caller gets it,
or a 503 in time, and then a repeat under the same client id gives exactly one message.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

import pytest

from functions.chat.errors import RoomBusy
from functions.chat.models import Message
from tests.harness.faulty_store import (
    Delayed,
    Fault,
    FaultyStore,
    cuts_the_answer,
    drops_after,
    drops_before,
    hangs_after,
    hangs_before,
    is_busy_after,
    is_busy_before,
    passes,
)
from tests.harness.waiting import until_async
from tests.integration.chat.rooms import Worker, a_room, check_log, user, whole_log

IN_TIME = 3.0
FAULTS = [
    drops_before,
    drops_after,
    cuts_the_answer,
    is_busy_before,
    is_busy_after,
    hangs_before,
    hangs_after,
]


async def warm_room(worker: Worker, author: str) -> tuple[str, Message]:
    """A room whose head the worker knows, so that its next commit needs no read."""
    room_id = await a_room(author)
    return room_id, await worker.send(room_id, author, "warm")


async def is_busy(worker: Worker, room_id: str, author: str, client_id: str) -> None:
    """The send is answered 503, and in time."""
    started = time.monotonic()
    with pytest.raises(RoomBusy):
        await worker.send(room_id, author, client_id, "hello")
    assert time.monotonic() - started < IN_TIME


@pytest.mark.parametrize("fault", FAULTS)
async def test_one_spoilt_commit_is_settled_and_the_message_is_there_once(
    fault: Fault, faulty: FaultyStore
) -> None:
    author, worker = user(), Worker()
    room_id, warm = await warm_room(worker, author)
    faulty.next("batch", fault)
    started = time.monotonic()
    said = await worker.send(room_id, author, "c1", "hello")
    assert time.monotonic() - started < IN_TIME
    after = await worker.send(room_id, author, "c2")
    await check_log(room_id, [warm, said, after])
    assert [entry.seq for entry in worker.told] == [3, 4, 5]


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_group_of_a_spoilt_commit_is_settled_as_one(
    fault: Fault, faulty: FaultyStore
) -> None:
    author, worker = user(), Worker()
    room_id, warm = await warm_room(worker, author)
    faulty.next("batch", fault)
    said = await asyncio.gather(*(worker.send(room_id, author, f"c{n}") for n in range(20)))
    await check_log(room_id, [warm, *said])


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_store_that_goes_on_failing_is_a_503_in_time_and_a_repeat_is_one_message(
    fault: Fault, faulty: FaultyStore
) -> None:
    author, worker = user(), Worker()
    room_id, warm = await warm_room(worker, author)
    for kind in ("batch", "read", "query"):
        faulty.always(kind, fault)
    await is_busy(worker, room_id, author, "c1")
    for kind in ("batch", "read", "query"):
        faulty.always(kind, passes)

    async def repeated() -> Message | None:
        try:
            return await worker.send(room_id, author, "c1", "hello")
        except RoomBusy:
            return None

    said = await until_async(repeated, "the repeat is accepted", IN_TIME)
    assert said
    assert await Worker().send(room_id, author, "c1", "hello") == said
    await check_log(room_id, [warm, said])


@pytest.mark.parametrize("fault", [drops_after, is_busy_after, cuts_the_answer])
async def test_a_commit_that_was_done_but_cannot_be_read_back_is_the_repeat_s_answer(
    fault: Fault, faulty: FaultyStore
) -> None:
    author, worker = user(), Worker()
    room_id, warm = await warm_room(worker, author)
    faulty.next("batch", fault)
    faulty.always("read", is_busy_before)
    await is_busy(worker, room_id, author, "c1")
    faulty.always("read", passes)
    said = await Worker().send(room_id, author, "c1", "hello")
    assert said.seq == warm.seq + 1
    await check_log(room_id, [warm, said])


async def test_a_commit_is_sent_again_as_it_was_under_the_same_commit_id(
    faulty: FaultyStore,
) -> None:
    author, worker = user(), Worker()
    room_id, warm = await warm_room(worker, author)
    faulty.next("batch", is_busy_before, drops_before, is_busy_after)
    faulty.batches.clear()
    said = await worker.send(room_id, author, "c1")
    named = [re.findall(rb"cmt_[0-9a-z]{26}", batch) for batch in faulty.batches]
    assert len(named) == 3
    assert named == named[:1] * 3
    assert said.seq == warm.seq + 1
    await check_log(room_id, [warm, said])


async def test_a_commit_that_arrives_after_its_retry_is_refused_and_renumbers_nothing(
    faulty: FaultyStore,
) -> None:
    author, worker = user(), Worker()
    room_id, warm = await warm_room(worker, author)
    zombie = Delayed()
    faulty.next("batch", zombie)
    said = await worker.send(room_id, author, "c1")
    before = await whole_log(room_id)
    answer = await zombie.let_go()
    assert b"UpdateConditionNotSatisfied" in answer.body
    assert await whole_log(room_id) == before
    later = await worker.send(room_id, author, "c2")
    await check_log(room_id, [warm, said, later])


async def test_a_commit_that_arrives_after_its_callers_had_503_is_found_by_their_repeats(
    faulty: FaultyStore,
) -> None:
    author, worker = user(), Worker()
    room_id, warm = await warm_room(worker, author)
    zombie = Delayed()
    faulty.next("batch", zombie)
    faulty.always("batch", is_busy_before)
    await is_busy(worker, room_id, author, "c1")
    faulty.always("batch", passes)
    answer = await zombie.let_go()
    assert b"UpdateConditionNotSatisfied" not in answer.body
    said = await Worker().send(room_id, author, "c1", "hello")
    assert said.seq == warm.seq + 1
    again = await worker.send(room_id, author, "c1", "hello")
    assert again == said
    await check_log(room_id, [warm, said])


async def test_a_commit_that_arrives_after_the_repeat_is_refused(faulty: FaultyStore) -> None:
    author, worker = user(), Worker()
    room_id, warm = await warm_room(worker, author)
    zombie = Delayed()
    faulty.next("batch", zombie)
    faulty.always("batch", is_busy_before)
    await is_busy(worker, room_id, author, "c1")
    faulty.always("batch", passes)
    said = await Worker().send(room_id, author, "c1", "hello")
    answer = await zombie.let_go()
    assert b"UpdateConditionNotSatisfied" in answer.body
    await check_log(room_id, [warm, said])


async def test_a_commit_that_arrives_between_those_of_another_worker_loses_and_is_planned_anew(
    faulty: FaultyStore,
) -> None:
    author, slow, quick = user(), Worker(), Worker()
    room_id, warm = await warm_room(slow, author)
    await quick.send(room_id, author, "warm")
    zombie = Delayed()
    faulty.next("batch", zombie)
    waiting = asyncio.create_task(slow.send(room_id, author, "c1"))
    await until_async(_is_on_its_way(faulty), "the commit is on its way")
    first = await quick.send(room_id, author, "c2")
    answer = await zombie.let_go()
    said = await waiting
    assert b"UpdateConditionNotSatisfied" in answer.body
    assert (first.seq, said.seq) == (warm.seq + 1, warm.seq + 2)
    await check_log(room_id, [warm, first, said])


def _is_on_its_way(faulty: FaultyStore) -> Callable[[], Awaitable[bool]]:
    batches = faulty.counts.get("batch", 0)

    async def asked() -> bool:
        return faulty.counts.get("batch", 0) > batches

    return asked


async def test_a_store_that_hangs_holds_a_room_no_longer_than_a_send_may_take(
    faulty: FaultyStore,
) -> None:
    author = user()
    room_id = await a_room(author)
    worker = Worker()
    faulty.next("read", hangs_before)
    await is_busy(worker, room_id, author, "c1")
    started = time.monotonic()
    said = await worker.send(room_id, author, "c1", "hello")
    assert time.monotonic() - started < 1
    await check_log(room_id, [said])


async def test_every_second_commit_is_spoilt_under_load_and_nothing_is_lost_or_doubled(
    faulty: FaultyStore,
) -> None:
    author = user()
    room_id = await a_room(author)
    crew = [Worker(), Worker()]
    spoilt = [drops_after, drops_before, is_busy_after, is_busy_before, cuts_the_answer] * 4
    faulty.next("batch", *(each for fault in spoilt for each in (fault, passes)))

    async def sender(n: int) -> list[Message]:
        return [await _until_accepted(crew[n % 2], room_id, author, f"{n}-{i}") for i in range(5)]

    said = await asyncio.gather(*(sender(n) for n in range(12)))
    await check_log(room_id, [message for one in said for message in one])


async def _until_accepted(worker: Worker, room_id: str, author: str, client_id: str) -> Message:
    """Send as a client does that repeats what is answered 503."""
    for _ in range(10):
        try:
            return await worker.send(room_id, author, client_id)
        except RoomBusy:
            continue
    raise AssertionError(f"{client_id} was never accepted")

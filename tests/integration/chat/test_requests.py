"""Messages that came through the queue are posted once, however often and however late they come again."""

import asyncio

import pytest

from functions.chat import commands
from functions.chat.errors import ClientIdReused
from functions.chat.events import MessageRequested
from functions.chat.models import NewMessage
from functions.chat.store import head as head_module
from functions.chat.store import writer as writer_module
from functions.chat.store.commit import keep_name
from functions.chat.store.reads import read_name
from functions.chat.store.rows import name_key
from tests.harness.faulty_store import Fault, FaultyStore
from tests.integration.chat.conftest import forget
from tests.integration.chat.rooms import Worker, a_room, actor, check_log, user, whole_log
from tests.integration.chat.test_unknown_outcomes import FAULTS

RING = 5


@pytest.fixture(autouse=True)
def _small_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "RING_ENTRIES", RING)


async def fill(worker: Worker, room_id: str, author: str, name: str = "f") -> None:
    """More entries than the ring holds."""
    for n in range(RING + 1):
        await worker.send(room_id, author, f"{name}{n}")


async def named(room_id: str, client_id: str) -> list[int]:
    """The seqs of the messages of this client id."""
    return [e.seq for e in await whole_log(room_id) if e.data.get("client_id") == client_id]


def asked_for(room_id: str, author: str, text: str = "hello") -> MessageRequested:
    return MessageRequested(room_id=room_id, author_id=author, text=text, client_id="c1")


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_request_that_is_delivered_again_after_the_ring_forgot_it_is_one_message(
    *, restarted: bool
) -> None:
    owner = user()
    room_id = await a_room(owner)
    await commands.post_requested(asked_for(room_id, owner))
    for turn in range(2):
        for n in range(RING + 1):
            body = NewMessage(text="hi", client_id=f"f{turn}-{n}")
            await commands.send_message(actor(owner), room_id, body)
        if restarted:
            forget()
        await commands.post_requested(asked_for(room_id, owner))
    assert await named(room_id, "c1") == [3]


async def test_a_request_of_the_same_name_that_says_something_else_is_refused() -> None:
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    first = await worker.request(room_id, owner, "c1", "hello")
    for name in "fg":
        with pytest.raises(ClientIdReused):
            await worker.request(room_id, owner, "c1", "something else")
        await fill(worker, room_id, owner, name)
    with pytest.raises(ClientIdReused):
        await worker.request(room_id, owner, "c1", "something else")
    assert await named(room_id, "c1") == [first.seq]


async def test_a_request_that_was_sent_over_http_before_is_that_message_for_ever() -> None:
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    first = await worker.send(room_id, owner, "c1", "hello")
    for name in "fg":
        assert await worker.request(room_id, owner, "c1", "hello") == first
        await fill(worker, room_id, owner, name)
    assert await Worker().request(room_id, owner, "c1", "hello") == first
    assert await named(room_id, "c1") == [first.seq]


async def test_a_send_over_http_after_a_request_keeps_to_the_rule_of_old_client_ids() -> None:
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    first = await worker.request(room_id, owner, "c1", "hello")
    assert await worker.send(room_id, owner, "c1", "hello") == first
    await fill(worker, room_id, owner)
    assert await worker.send(room_id, owner, "c1", "hello", after_seq=2) == first
    anew = await worker.send(room_id, owner, "c1", "hello")
    assert anew.seq > first.seq
    assert await worker.request(room_id, owner, "c1", "hello") == anew
    await fill(worker, room_id, owner, "g")
    assert await worker.request(room_id, owner, "c1", "hello") == first
    assert await named(room_id, "c1") == [first.seq, anew.seq]


@pytest.mark.parametrize("long", [False, True])
async def test_workers_that_race_on_one_request_post_it_once(*, long: bool) -> None:
    owner, crew = user(), [Worker() for _ in range(3)]
    room_id = await a_room(owner)
    if long:
        await fill(crew[0], room_id, owner)
    for n, worker in enumerate(crew):
        await worker.send(room_id, owner, f"warm{n}")
    said = await asyncio.gather(
        *(worker.request(room_id, owner, "c1", "hello") for worker in crew for _ in range(2)),
        *(worker.send(room_id, owner, f"beside{n}") for n, worker in enumerate(crew)),
    )
    assert len({message.id for message in said[:6]}) == 1
    assert await named(room_id, "c1") == [said[0].seq]
    assert await read_name(room_id, name_key(owner, "c1")) == said[0].seq


async def test_a_name_that_is_taken_meanwhile_fails_no_neighbour_and_the_request_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner, worker, looks = user(), Worker(), 0
    room_id = await a_room(owner)
    first = await worker.send(room_id, owner, "c1", "hello")
    await fill(worker, room_id, owner)

    async def too_early(room_id: str, key: str) -> int | None:
        """The first look sees no name, and right after it another worker keeps one."""
        nonlocal looks
        looks += 1
        found = await read_name(room_id, key)
        if looks == 1:
            await keep_name(room_id, key, first.seq)
        return found

    monkeypatch.setattr(writer_module, "read_name", too_early)
    asked = asyncio.create_task(worker.request(room_id, owner, "c1", "hello"))
    beside = [await worker.send(room_id, owner, f"b{n}") for n in range(3)]
    beside += await asyncio.gather(*(worker.send(room_id, owner, f"d{n}") for n in range(5)))
    assert await asked == first
    assert looks == 2
    assert len({each.seq for each in beside}) == 8
    assert await named(room_id, "c1") == [first.seq]


async def test_more_requests_than_a_transaction_has_rows_are_all_posted() -> None:
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    await worker.send(room_id, owner, "warm")
    said = await asyncio.gather(*(worker.request(room_id, owner, f"r{n}") for n in range(150)))
    assert len({message.seq for message in said}) == 150
    again = await asyncio.gather(*(worker.request(room_id, owner, f"r{n}") for n in range(150)))
    assert again == said


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_request_whose_commit_is_spoilt_is_posted_once(
    fault: Fault, faulty: FaultyStore
) -> None:
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    await fill(worker, room_id, owner)
    faulty.next("batch", fault)
    said = await worker.request(room_id, owner, "c1", "hello")
    await fill(worker, room_id, owner, "g")
    assert await Worker().request(room_id, owner, "c1", "hello") == said
    assert await named(room_id, "c1") == [said.seq]


async def test_the_log_is_whole_beside_the_names() -> None:
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    said = [await worker.request(room_id, owner, f"r{n}") for n in range(12)]
    said += [await worker.send(room_id, owner, f"s{n}") for n in range(4)]
    await check_log(room_id, said)

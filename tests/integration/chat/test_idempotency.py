"""A repeated send is the same message, wherever its first may stand; and what cannot be told is said."""

import asyncio
import contextlib

import pytest

from functions.chat.errors import ClientIdReused, ClientIdTooOld
from functions.chat.store import head as head_module
from functions.chat.store import plan as plan_module
from shared_code.errors import ValidationFailed
from tests.integration.chat.rooms import Worker, a_room, check_log, user, whole_log

SMALL_RING = 5


@pytest.fixture
def small_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "RING_ENTRIES", SMALL_RING)


async def fill(worker: Worker, room_id: str, author: str, count: int, name: str = "f") -> None:
    """So many entries, each in a commit of its own."""
    for n in range(count):
        await worker.send(room_id, author, f"{name}{n}")


async def test_a_repeat_is_answered_from_the_ring_by_the_same_and_by_another_worker() -> None:
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    first = await worker.send(room_id, owner, "c1", "hello", after_seq=2)
    await fill(worker, room_id, owner, 3)
    for repeater in (worker, Worker()):
        assert await repeater.send(room_id, owner, "c1", "hello", after_seq=2) == first
        assert await repeater.send(room_id, owner, "c1", "hello") == first
    assert len(await whole_log(room_id)) == 2 + 4


async def test_repeats_that_leave_together_are_one_message() -> None:
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    said = await asyncio.gather(*(worker.send(room_id, owner, "c1") for _ in range(10)))
    assert len({message.id for message in said}) == 1
    await check_log(room_id, said[:1])


async def test_a_worker_with_an_old_head_finds_what_another_has_accepted_since() -> None:
    owner, one, other = user(), Worker(), Worker()
    room_id = await a_room(owner)
    await other.send(room_id, owner, "warm")
    first = await one.send(room_id, owner, "c1", "hello")
    assert await other.send(room_id, owner, "c1", "hello") == first


async def test_a_worker_with_an_old_head_does_not_refuse_a_client_that_knows_more() -> None:
    owner, one, other = user(), Worker(), Worker()
    room_id = await a_room(owner)
    await other.send(room_id, owner, "warm")
    await fill(one, room_id, owner, 4)
    said = await other.send(room_id, owner, "c1", after_seq=7)
    assert said.seq == 8


@pytest.mark.parametrize("after_seq", [None, 2])
async def test_the_same_client_id_with_another_body_is_refused(after_seq: int | None) -> None:
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    await worker.send(room_id, owner, "c1", "hello", after_seq=after_seq)
    for repeater in (worker, Worker()):
        with pytest.raises(ClientIdReused):
            await repeater.send(room_id, owner, "c1", "something else", after_seq=after_seq)
    assert len(await whole_log(room_id)) == 3


async def test_a_client_id_is_its_author_s_own() -> None:
    owner, guest, worker = user(), user(), Worker()
    room_id = await a_room(owner)
    await worker.join(room_id, guest)
    said = [await worker.send(room_id, each, "c1") for each in (owner, guest)]
    assert said[0].id != said[1].id


@pytest.mark.usefixtures("small_ring")
async def test_what_the_ring_has_forgotten_is_found_by_the_client_s_last_seq() -> None:
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    first = await worker.send(room_id, owner, "c1", "hello", after_seq=2)
    await fill(worker, room_id, owner, 3 * SMALL_RING)
    for repeater in (worker, Worker()):
        assert await repeater.send(room_id, owner, "c1", "hello", after_seq=2) == first
    with pytest.raises(ClientIdReused):
        await worker.send(room_id, owner, "c1", "something else", after_seq=2)


@pytest.mark.usefixtures("small_ring")
async def test_a_search_that_finds_nothing_ends_in_a_new_message() -> None:
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    await fill(worker, room_id, owner, 3 * SMALL_RING)
    said = await worker.send(room_id, owner, "new", after_seq=2)
    assert said.seq == 2 + 3 * SMALL_RING + 1


@pytest.mark.usefixtures("small_ring")
async def test_a_search_ends_also_when_the_room_goes_on_meanwhile() -> None:
    owner, worker, other = user(), Worker(), Worker()
    room_id = await a_room(owner)
    await fill(worker, room_id, owner, 3 * SMALL_RING)
    found = await asyncio.gather(
        worker.send(room_id, owner, "new", after_seq=2),
        other.send(room_id, owner, "new", after_seq=2),
        fill(other, room_id, owner, 10, "g"),
        fill(worker, room_id, owner, 10, "h"),
    )
    assert found[0] == found[1]
    named = [e for e in await whole_log(room_id) if e.data.get("client_id") == "new"]
    assert len(named) == 1


@pytest.mark.usefixtures("small_ring")
async def test_a_send_that_is_older_than_the_search_goes_is_said_to_be_too_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan_module, "SEARCH_BEYOND_RING", 4)
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    first = await worker.send(room_id, owner, "c1", after_seq=2)
    await fill(worker, room_id, owner, 3 + SMALL_RING)
    assert await worker.send(room_id, owner, "c1", after_seq=2) == first
    await worker.send(room_id, owner, "more")
    with pytest.raises(ClientIdTooOld):
        await worker.send(room_id, owner, "c1", after_seq=2)


async def test_a_client_that_knows_more_than_the_log_holds_is_refused() -> None:
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    for sender in (worker, Worker()):
        with pytest.raises(ValidationFailed):
            await sender.send(room_id, owner, "c1", after_seq=3)
    await worker.send(room_id, owner, "c1", after_seq=2)


async def test_a_chance_hit_in_the_ring_does_not_swallow_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    monkeypatch.setattr(plan_module, "slot_of", lambda _author, _client_id: b"\x01" * 6)
    said = [await worker.send(room_id, owner, f"c{n}") for n in range(3)]
    await check_log(room_id, said)
    assert await worker.send(room_id, owner, "c1") == said[1]


async def test_a_caller_that_has_gone_is_not_committed_for_when_it_was_not_on_its_way() -> None:
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    gone = asyncio.create_task(worker.send(room_id, owner, "gone"))
    await asyncio.sleep(0)
    gone.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await gone
    said = await worker.send(room_id, owner, "stays")
    await check_log(room_id, [said])

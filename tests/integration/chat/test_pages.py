"""Pages of a room's log and of its messages: complete, without overlap, from any place."""

import asyncio

import pytest

from functions.chat.models import Message
from functions.chat.store import read_entry, read_log, read_messages
from tests.integration.chat.rooms import Worker, a_room, all_messages, user, whole_log

SIZES = (1, 2, 3, 5, 8, 13, 200)


@pytest.fixture
async def room() -> tuple[str, list[Message]]:
    """A room with commits of one and of many entries, and entries between that are no messages."""
    owner, worker = user(), Worker()
    room_id = await a_room(owner)
    said = []
    for n in range(4):
        said.append(await worker.send(room_id, owner, f"a{n}"))
        await worker.join(room_id, user(), user())
        said += await asyncio.gather(*(worker.send(room_id, owner, f"b{n}-{i}") for i in range(5)))
    return room_id, sorted(said, key=lambda each: each.seq)


async def test_walks_of_every_page_size_give_all_and_nothing_twice(
    room: tuple[str, list[Message]],
) -> None:
    room_id, said = room
    for size in SIZES:
        assert [entry.seq for entry in await whole_log(room_id, size)] == list(range(1, 35))
        assert await all_messages(room_id, size) == said[::-1]


async def test_a_page_of_the_log_starts_after_any_seq(room: tuple[str, list[Message]]) -> None:
    room_id, _ = room
    for after in range(36):
        for limit in (1, 4, 50):
            got = [entry.seq for entry in await read_log(room_id, after, limit)]
            assert got == list(range(after + 1, min(after + limit, 34) + 1))


async def test_a_page_of_messages_ends_before_any_seq(room: tuple[str, list[Message]]) -> None:
    room_id, said = room
    for before in range(1, 36):
        wanted = [message for message in reversed(said) if message.seq < before]
        assert await read_messages(room_id, before, 3) == wanted[:3]


async def test_each_entry_is_found_by_its_seq_and_none_beyond(
    room: tuple[str, list[Message]],
) -> None:
    room_id, _ = room
    log = await whole_log(room_id)
    assert [await read_entry(room_id, entry.seq) for entry in log] == log
    assert [await read_entry(room_id, seq) for seq in (0, 35, 2**40)] == [None] * 3


async def test_a_room_that_is_not_there_has_empty_pages() -> None:
    assert await read_log("rm_nowhere", 0, 10) == []
    assert await read_messages("rm_nowhere", None, 10) == []
    assert await read_entry("rm_nowhere", 1) is None


async def test_a_neighbour_s_partition_is_never_read() -> None:
    owner, worker = user(), Worker()
    rooms = [await a_room(owner) for _ in range(3)]
    for room_id in rooms:
        await worker.send(room_id, owner, "c1")
    for room_id in rooms:
        assert {entry.room_id for entry in await read_log(room_id, 0, 100)} == {room_id}

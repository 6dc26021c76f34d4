"""Several workers write one hot room: no gap, nothing lost, nothing twice, nobody starved."""

import asyncio

import pytest

from functions.chat.models import Message
from tests.integration.chat.rooms import Worker, a_room, check_log, user, whole_log

SENDERS = 12
EACH = 6


async def _sender(worker: Worker, room_id: str, author: str, name: str) -> list[Message]:
    """One client that sends the next message when the one before is accepted."""
    return [
        await worker.send(room_id, author, f"{name}-{n}", f"{name} says {n}") for n in range(EACH)
    ]


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
async def test_a_hot_room_has_no_gap_and_every_acknowledged_message_once(workers: int) -> None:
    owner = user()
    room_id = await a_room(owner)
    crew = [Worker() for _ in range(workers)]
    names = [f"s{n}" for n in range(SENDERS)]
    said = await asyncio.gather(
        *(_sender(crew[n % workers], room_id, owner, name) for n, name in enumerate(names))
    )
    accepted = [message for one in said for message in one]
    assert len(accepted) == SENDERS * EACH
    await check_log(room_id, accepted)
    told = sorted((entry for worker in crew for entry in worker.told), key=lambda each: each.seq)
    assert told == (await whole_log(room_id))[2:]
    for one in said:
        assert [each.seq for each in one] == sorted(each.seq for each in one)


async def test_members_come_and_go_while_others_speak_and_the_log_stays_whole() -> None:
    owner = user()
    room_id = await a_room(owner)
    crew = [Worker() for _ in range(3)]
    guests = [user() for _ in range(6)]

    async def visit(n: int, guest: str) -> list[Message]:
        worker = crew[n % 3]
        await worker.join(room_id, guest)
        said = [await worker.send(room_id, guest, f"g{i}", "here") for i in range(3)]
        await crew[(n + 1) % 3].leave(room_id, guest)
        return said

    visits = (visit(n, guest) for n, guest in enumerate(guests))
    *said, own = await asyncio.gather(*visits, _sender(crew[0], room_id, owner, "o"))
    await check_log(room_id, [message for one in [*said, own] for message in one])
    log = await whole_log(room_id)
    for guest in guests:
        moves = [entry for entry in log if entry.data.get("user_id") == guest]
        spoke = [entry.seq for entry in log if entry.data.get("author_id") == guest]
        assert [entry.type for entry in moves] == ["member.joined", "member.left"]
        assert moves[0].seq < min(spoke)
        assert max(spoke) < moves[1].seq


async def test_one_client_id_sent_through_every_worker_at_once_is_one_message() -> None:
    owner = user()
    room_id = await a_room(owner)
    crew = [Worker() for _ in range(4)]
    said = await asyncio.gather(
        *(worker.send(room_id, owner, "same", "hello") for worker in crew for _ in range(5))
    )
    assert len({message.id for message in said}) == 1
    await check_log(room_id, said[:1])


async def test_large_messages_of_many_bytes_share_commits_without_harm() -> None:
    owner = user()
    room_id = await a_room(owner)
    crew = [Worker(), Worker()]
    said = await asyncio.gather(
        *(crew[n % 2].send(room_id, owner, f"c{n}", "🜁" * 3_999 + "ä") for n in range(30))
    )
    await check_log(room_id, said)

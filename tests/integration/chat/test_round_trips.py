"""What each command costs in requests to the tables: the docstrings state it, and here it is counted."""

import asyncio
from collections.abc import Awaitable

import pytest

from functions.chat import commands
from functions.chat.errors import NotAMember
from functions.chat.events import MessageRequested
from functions.chat.models import NewMessage, NewRoom, Room
from functions.chat.policy import SEND_SECONDS
from functions.chat.store import head as head_module
from functions.chat.store import ledger
from shared_code.actor import Actor
from shared_code.ids import new_id
from tests.harness.faulty_store import FaultyStore, is_busy_after, is_busy_before
from tests.integration.chat.rooms import Worker, a_room, actor, user

TEA = NewRoom(name="tea", kind="public")
HI = NewMessage(text="hi")


async def cost(faulty: FaultyStore, *calls: Awaitable[object]) -> dict[str, int]:
    """The requests that these calls make, side by side."""
    faulty.forget()
    await asyncio.gather(*calls)
    return faulty.counts


@pytest.fixture
async def warm(faulty: FaultyStore) -> tuple[Actor, Room]:
    """A room whose head and owner this process knows."""
    assert faulty.url
    owner = actor(user())
    room = await commands.make_room(owner, TEA, None)
    await commands.send_message(owner, room.id, HI)
    return owner, room


async def test_one_send_in_a_warm_room_is_one_transaction_and_nothing_else(
    faulty: FaultyStore, warm: tuple[Actor, Room]
) -> None:
    owner, room = warm
    assert await cost(faulty, commands.send_message(owner, room.id, HI)) == {"batch": 1}


async def test_the_first_send_of_a_process_reads_the_head_and_the_member_once(
    faulty: FaultyStore, warm: tuple[Actor, Room]
) -> None:
    owner, room = warm
    commands._writers.cache_clear()
    sent = await cost(faulty, commands.send_message(owner, room.id, HI))
    assert sent == {"read": 2, "batch": 1}


async def test_the_first_send_to_a_room_that_nobody_wrote_lately_is_marked_beside_the_reads(
    faulty: FaultyStore, warm: tuple[Actor, Room]
) -> None:
    owner, room = warm
    commands._writers.cache_clear()
    ledger.cache_clear()
    sent = await cost(faulty, commands.send_message(owner, room.id, HI))
    assert sent == {"read": 2, "write": 1, "batch": 1}
    assert await cost(faulty, commands.send_message(owner, room.id, HI)) == {"batch": 1}


async def test_a_reply_and_a_repeat_are_one_query_each(
    faulty: FaultyStore, warm: tuple[Actor, Room]
) -> None:
    owner, room = warm
    body = NewMessage(text="hi", client_id="c1")
    said = await commands.send_message(owner, room.id, body)
    assert await cost(faulty, commands.send_message(owner, room.id, body)) == {"query": 1}
    reply = NewMessage(text="ho", reply_to=said.id)
    answered = await cost(faulty, commands.send_message(owner, room.id, reply))
    assert answered == {"query": 1, "batch": 1}


async def test_a_requested_message_reads_its_name_only_where_the_ring_has_forgotten(
    faulty: FaultyStore, warm: tuple[Actor, Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, room = warm
    asked = [
        MessageRequested(room_id=room.id, author_id=owner.user_id, text="hi", client_id=f"c{n}")
        for n in range(2)
    ]
    assert await cost(faulty, commands.post_requested(asked[0])) == {"batch": 1}
    assert await cost(faulty, commands.post_requested(asked[0])) == {"query": 1, "write": 1}
    monkeypatch.setattr(head_module, "RING_ENTRIES", 2)
    for _ in range(2):
        await commands.send_message(owner, room.id, HI)
    assert await cost(faulty, commands.post_requested(asked[0])) == {"read": 1, "query": 1}
    assert await cost(faulty, commands.post_requested(asked[1])) == {"read": 1, "batch": 1}
    assert await cost(faulty, commands.send_message(owner, room.id, HI)) == {"batch": 1}


@pytest.mark.parametrize("senders", [32, 128])
async def test_concurrent_senders_share_transactions(
    senders: int, faulty: FaultyStore, warm: tuple[Actor, Room]
) -> None:
    owner, room = warm

    async def sends() -> None:
        for _ in range(5):
            await commands.send_message(owner, room.id, HI)

    spent = await cost(faulty, *(sends() for _ in range(senders)))
    assert set(spent) == {"batch"}
    assert spent["batch"] <= 0.2 * 5 * senders


async def test_a_refusal_costs_no_transaction_but_one_look_at_the_head(
    faulty: FaultyStore, warm: tuple[Actor, Room]
) -> None:
    _, room = warm
    stranger = actor(user())

    async def refused() -> None:
        with pytest.raises(NotAMember):
            await commands.send_message(stranger, room.id, HI)

    assert await cost(faulty, refused()) == {"read": 2}
    assert await cost(faulty, refused()) == {"read": 1}


async def test_a_page_is_one_query_and_the_member_s_row(
    faulty: FaultyStore, warm: tuple[Actor, Room]
) -> None:
    owner, room = warm
    for _ in range(60):
        await commands.send_message(owner, room.id, HI)
    one_page = {"read": 1, "query": 1}
    assert await cost(faulty, commands.messages_page(owner, room.id, None, 51)) == one_page
    assert await cost(faulty, commands.messages_page(owner, room.id, 40, 21)) == one_page
    assert await cost(faulty, commands.log_page(owner, room.id, 0, 51)) == one_page
    assert await cost(faulty, commands.log_page(owner, room.id, 30, 21)) == one_page
    assert await cost(faulty, commands.rooms_page(owner, "", 51)) == {"query": 1}


async def test_a_ticket_for_a_file_is_the_member_s_row_and_one_query(
    faulty: FaultyStore, warm: tuple[Actor, Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILE_TICKET_SECRET", "integration-tests-have-no-secrets-to-keep")
    owner, room = warm
    file_id = new_id("fil")
    with_file = NewMessage(text="hi", files=[file_id])
    said = await commands.send_message(owner, room.id, with_file)
    given = await cost(faulty, commands.file_ticket(owner, room.id, said.id, file_id))
    assert given == {"read": 1, "query": 1}

    async def refused() -> None:
        with pytest.raises(NotAMember):
            await commands.file_ticket(actor(user()), room.id, said.id, file_id)

    assert await cost(faulty, refused()) == {"read": 2}


async def test_making_a_room_is_a_transaction_and_two_for_the_list(faulty: FaultyStore) -> None:
    owner, key = actor(user()), new_id("key")
    made = await cost(faulty, commands.make_room(owner, TEA, None))
    assert made == {"batch": 1, "read": 1, "write": 2}
    keyed = await cost(faulty, commands.make_room(owner, TEA, key))
    assert keyed == {"batch": 1, "read": 1, "write": 3}
    repeated = await cost(faulty, commands.make_room(owner, TEA, key))
    assert repeated == {"batch": 1, "read": 3, "write": 1}


async def test_joining_and_leaving_cost_what_their_docstrings_say(
    faulty: FaultyStore, warm: tuple[Actor, Room]
) -> None:
    _, room = warm
    guest = actor(user())
    joined = await cost(faulty, commands.join_room(guest, room.id))
    assert joined == {"read": 3, "batch": 1, "write": 1}
    again = await cost(faulty, commands.join_room(guest, room.id))
    assert again == {"read": 3}
    left = await cost(faulty, commands.leave_room(guest, room.id))
    assert left == {"read": 1, "batch": 1, "write": 1}
    again = await cost(faulty, commands.leave_room(guest, room.id))
    assert again == {"read": 2}


async def test_a_lost_race_costs_one_look_at_who_won_and_one_at_the_head(
    faulty: FaultyStore,
) -> None:
    owner, one, other = user(), Worker(), Worker()
    room_id = await a_room(owner)
    await one.send(room_id, owner, "a")
    await other.send(room_id, owner, "b")
    lost = await cost(faulty, one.send(room_id, owner, "c"))
    assert lost == {"batch": 2, "read": 2}


async def test_an_unknown_outcome_is_looked_at_before_anything_is_sent_again(
    faulty: FaultyStore, warm: tuple[Actor, Room]
) -> None:
    owner, room = warm
    faulty.next("batch", is_busy_before)
    settled = await cost(faulty, commands.send_message(owner, room.id, HI))
    assert settled == {"batch": 2, "read": 1}
    faulty.next("batch", is_busy_after)
    settled = await cost(faulty, commands.send_message(owner, room.id, HI))
    assert settled == {"batch": 1, "read": 1}


def test_a_send_is_given_two_seconds() -> None:
    assert SEND_SECONDS == 2

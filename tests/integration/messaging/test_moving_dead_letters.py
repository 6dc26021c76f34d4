"""Sending dead letters again when time is short, and when one of them cannot be sent."""

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage

from shared_code import service_bus
from shared_code.errors import PayloadTooLarge
from shared_code.ids import new_id
from shared_code.messaging import dead_letters
from shared_code.messaging.dead_letters import moving
from shared_code.messaging.outbound import outbound
from shared_code.messaging.topology import MESSAGE_REQUESTED, TOPIC

pytestmark = pytest.mark.long  # together they take minutes

QUEUE = "chat-messages"
_LIMIT = 256 * 1024


async def received(session_id: str) -> list[ServiceBusReceivedMessage]:
    """What the session holds, completed."""
    receiver = service_bus.client().get_queue_receiver(QUEUE, session_id=session_id)
    async with receiver:
        found = await receiver.receive_messages(10, max_wait_time=2)
        for message in found:
            await receiver.complete_message(message)
    return found


async def bury(session_id: str, reason: str) -> None:
    """Dead-letter all that the session holds, as another consumer might."""
    receiver = service_bus.client().get_queue_receiver(QUEUE, session_id=session_id)
    async with receiver:
        for message in await receiver.receive_messages(10, max_wait_time=2):
            await receiver.dead_letter_message(message, reason=reason)


async def send_one_that_is_full(session_id: str) -> None:
    """A message so large that not even a count can be added to it."""
    for size in range(_LIMIT, 0, -8):
        message = ServiceBusMessage(b"x" * size, session_id=session_id, message_id="full")
        try:
            await outbound(QUEUE).send(message)
        except PayloadTooLarge:
            continue
        return


async def test_one_that_cannot_be_sent_is_left_and_keeps_no_other_from_it() -> None:
    full, good, reason = new_id("rm"), new_id("rm"), new_id("why")
    await send_one_that_is_full(full)
    await bury(full, reason)
    await outbound(QUEUE).send(ServiceBusMessage(b"{}", session_id=good, message_id="good"))
    await bury(good, reason)
    assert await dead_letters.redrive_all(QUEUE, reason) == dead_letters.Moved(done=1, left=1)
    [again] = await received(good)
    assert again.message_id == "good:1"
    [left] = await dead_letters.page(QUEUE, reason, 0, 10)
    assert left.session_id == full
    assert await dead_letters.purge(QUEUE, left.number) == left


async def test_a_search_ends_in_time_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    session_id, reason = new_id("rm"), new_id("why")
    await outbound(QUEUE).send(ServiceBusMessage(b"{}", session_id=session_id))
    await bury(session_id, reason)
    [letter] = await dead_letters.page(QUEUE, reason, 0, 10)
    monkeypatch.setattr(moving, "_SEARCH_SECONDS", -1.0)
    assert await dead_letters.redrive_all(QUEUE, reason) == dead_letters.Moved(done=0, left=1)
    for work in (dead_letters.redrive, dead_letters.purge):
        with pytest.raises(TimeoutError):
            await work(QUEUE, letter.number)
    monkeypatch.undo()
    assert await dead_letters.page(QUEUE, reason, 0, 10) == [letter]


async def test_what_its_queue_cannot_take_lies_dead_at_the_subscription_and_gets_a_session() -> (
    None
):
    place, subject, event_id = f"{TOPIC}.{QUEUE}", new_id("rm"), new_id("evt")
    lost = ServiceBusMessage(
        b"{}",
        message_id=f"{event_id}:1",
        subject=subject,
        application_properties={"type": MESSAGE_REQUESTED},
    )
    await outbound(TOPIC).send(lost)
    letters = [
        each for each in await dead_letters.page(place, None, 0, 200) if each.subject == subject
    ]
    [letter] = letters
    assert (letter.event_id, letter.session_id) == (event_id, None)
    assert any(group.reason == letter.reason for group in await dead_letters.groups(place))
    state = await dead_letters.look(place)
    assert (state.active, state.sessions) == (None, None)
    assert state.dead >= 1
    assert await dead_letters.redrive(place, letter.number) == letter
    [again] = await received(subject)
    assert again.message_id == f"{event_id}:1"
    assert await dead_letters.read(place, letter.number) is None
    await outbound(TOPIC).send(lost)
    [letter] = [
        each for each in await dead_letters.page(place, None, 0, 200) if each.subject == subject
    ]
    assert await dead_letters.purge(place, letter.number) == letter
    assert await dead_letters.read(place, letter.number) is None

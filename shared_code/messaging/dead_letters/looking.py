"""Looking at queues and their dead letters by peeking: nothing is locked and nothing counted.

A queue is named by itself, and a subscription of the topic, where what its queue cannot take lies dead,
as in SUBSCRIPTIONS. Invariant: bounded. Counting stops at COUNT_LIMIT messages and says so.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from shared_code import service_bus
from shared_code.messaging.dead_letters.models import DeadLetter, Group, QueueState, dead_letter
from shared_code.messaging.topology import CONSUMERS, SUBSCRIPTIONS, TOPIC

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.servicebus import ServiceBusReceivedMessage
    from azure.servicebus.aio import ServiceBusReceiver

COUNT_LIMIT = 10_000
_PAGE = 250
_SCHEDULED = 2  # the state of a message that waits for its time


async def look(queue: str) -> QueueState:
    """A queue's counts. A round trip for each 250 messages and 2 for each link; Raises ServiceBusError."""
    dead, oldest_dead, dead_more = 0, None, False
    async for message in _peeked(queue, dead=True):
        oldest_dead = oldest_dead or message.enqueued_time_utc
        dead += 1
        dead_more = dead >= COUNT_LIMIT
    waiting = await _look_at_waiting(queue)
    more = dead_more or waiting.at_least
    return replace(waiting, dead=dead, oldest_dead_at=oldest_dead, at_least=more)


async def _look_at_waiting(queue: str) -> QueueState:
    sessions: int | None = None
    if needs_session(queue):
        sessions = len([name async for name in service_bus.client().list_queue_sessions(queue)])
    if sessions is not None or queue in SUBSCRIPTIONS:  # one that forwards lets nobody look
        return QueueState(queue, None, None, sessions, None, 0, None, at_least=False)
    return await _count_waiting(queue)


def needs_session(queue: str) -> bool:
    """Whether the queue takes only messages with a session id."""
    return any(each.queue == queue and each.sessions for each in CONSUMERS)


async def _count_waiting(queue: str) -> QueueState:
    active, scheduled, oldest = 0, 0, None
    async for message in _peeked(queue, dead=False):
        if message.state == _SCHEDULED:
            scheduled += 1
        else:
            oldest = oldest or message.enqueued_time_utc
            active += 1
    more = active + scheduled >= COUNT_LIMIT
    return QueueState(queue, active, scheduled, None, oldest, 0, None, at_least=more)


async def page(queue: str, reason: str | None, after: int, limit: int) -> list[DeadLetter]:
    """Up to `limit` dead letters with a number above `after`, of one reason or of all."""
    found: list[DeadLetter] = []
    async with aclosing(_peeked(queue, dead=True, first=after + 1)) as messages:
        async for message in messages:
            letter = dead_letter(message)
            if reason is None or letter.reason == reason:
                found.append(letter)
            if len(found) == limit:
                break
    return found


async def read(queue: str, number: int) -> DeadLetter | None:
    """The dead letter of a number, or None."""
    async with aclosing(_peeked(queue, dead=True, first=number)) as messages:
        async for message in messages:
            return dead_letter(message) if message.sequence_number == number else None
    return None


async def groups(queue: str) -> list[Group]:
    """The dead letters by reason, the largest group first."""
    found: dict[str, Group] = {}
    async for message in _peeked(queue, dead=True):
        letter = dead_letter(message)
        before = found.get(letter.reason)
        oldest = before.oldest_at if before else letter.enqueued_at
        count = before.count if before else 0
        found[letter.reason] = Group(letter.reason, count + 1, oldest, letter.enqueued_at)
    return sorted(found.values(), key=lambda group: (-group.count, group.reason))


async def _peeked(
    queue: str, *, dead: bool, first: int = 1
) -> AsyncGenerator["ServiceBusReceivedMessage"]:
    """Messages from a number on, at most COUNT_LIMIT of them."""
    async with receiver_of(queue, dead=dead) as receiver:
        seen = 0
        while seen < COUNT_LIMIT:
            messages = await receiver.peek_messages(max_message_count=_PAGE, sequence_number=first)
            if not messages:
                return
            for message in messages[: COUNT_LIMIT - seen]:
                yield message
            seen += len(messages)
            first = (messages[-1].sequence_number or 0) + 1


def receiver_of(queue: str, *, dead: bool) -> "ServiceBusReceiver":
    """A receiver of a queue, or of its or a subscription's dead letters; not open yet."""
    from azure.servicebus import ServiceBusSubQueue

    sub_queue = ServiceBusSubQueue.DEAD_LETTER if dead else None
    if queue in SUBSCRIPTIONS:
        name = SUBSCRIPTIONS[queue]
        return service_bus.client().get_subscription_receiver(TOPIC, name, sub_queue=sub_queue)
    return service_bus.client().get_queue_receiver(queue, sub_queue=sub_queue)

"""Sending dead letters again, and throwing them away.

A dead letter can only be taken by receiving: those before it are held locked while it is looked for, and
given back then. Invariants: first the copy is on the
bus, then the dead letter is completed; what dies again while all are sent again is not sent a second time.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared_code.clock import utcnow
from shared_code.messaging import properties
from shared_code.messaging.arrival import event_id_of
from shared_code.messaging.dead_letters.looking import COUNT_LIMIT, page, receiver_of
from shared_code.messaging.dead_letters.models import (
    DeadLetter,
    body_of,
    dead_letter,
    properties_of,
)
from shared_code.messaging.outbound import outbound
from shared_code.messaging.topology import CONSUMERS

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
    from azure.servicebus.aio import ServiceBusReceiver

_TOGETHER = 100
_QUIET_SECONDS = 2.0  # without a message, so the queue has no more
_MOST_SECONDS = 40.0  # of one search: locks hold for a minute

type Wanted = Callable[[DeadLetter], bool]


@dataclass
class Moved:
    """How many dead letters were sent again, and how many of those wanted are still there."""

    done: int = 0
    left: int = 0


async def redrive(queue: str, number: int) -> DeadLetter | None:
    """Send one dead letter to its queue again; None when there is none of this number."""
    async with aclosing(_taken(queue, lambda each: each.number == number)) as found:
        async for receiver, message, letter in found:
            await _send_again(queue, message)
            await receiver.complete_message(message)
            return letter
    return None


async def redrive_all(queue: str, reason: str | None) -> Moved:
    """Send all dead letters that are there now, of one reason or of any, to their queue again."""
    began = utcnow()

    def wanted(letter: DeadLetter) -> bool:
        is_old = letter.enqueued_at is None or letter.enqueued_at <= began
        return is_old and (reason is None or letter.reason == reason)

    moved = Moved()
    async for receiver, message, _ in _taken(queue, wanted):
        await _send_again(queue, message)
        await receiver.complete_message(message)
        moved.done += 1
    left = await page(queue, reason, 0, COUNT_LIMIT)
    moved.left = sum(wanted(letter) for letter in left)
    return moved


async def purge(queue: str, number: int) -> DeadLetter | None:
    """Throw one dead letter away; None when there is none of this number.

    A consumer that keeps order waits for it no longer.
    """
    ordered = any(each.queue == queue and each.ordered for each in CONSUMERS)
    async with aclosing(_taken(queue, lambda each: each.number == number)) as found:
        async for receiver, message, letter in found:
            if ordered:
                await outbound(queue).send(_skip(letter))
            await receiver.complete_message(message)
            return letter
    return None


async def _taken(
    queue: str, wanted: Wanted
) -> AsyncGenerator[tuple["ServiceBusReceiver", "ServiceBusReceivedMessage", DeadLetter]]:
    """The wanted dead letters, each locked; the others are held until the end and then given back."""
    async with receiver_of(queue, dead=True) as receiver:
        held: list[ServiceBusReceivedMessage] = []
        try:
            async with asyncio.timeout(_MOST_SECONDS):
                while len(held) < COUNT_LIMIT and (messages := await _next(receiver)):
                    held += messages
                    for message in messages:
                        letter = dead_letter(message)
                        if wanted(letter):
                            held.remove(message)
                            yield receiver, message, letter
        finally:
            for message in held:
                await _give_back(receiver, message)


async def _next(receiver: "ServiceBusReceiver") -> "list[ServiceBusReceivedMessage]":
    return await receiver.receive_messages(_TOGETHER, max_wait_time=_QUIET_SECONDS)


async def _give_back(receiver: "ServiceBusReceiver", message: "ServiceBusReceivedMessage") -> None:
    """Unlock a dead letter. It counts as a delivery, and dead letters have no most of those."""
    from azure.servicebus.exceptions import ServiceBusError

    with suppress(ServiceBusError):  # else its lock ends by itself
        await receiver.abandon_message(message)


async def _send_again(queue: str, message: "ServiceBusReceivedMessage") -> None:
    await outbound(queue).send(_again(message))


def _again(message: "ServiceBusReceivedMessage") -> "ServiceBusMessage":
    """The event as if it had just come: its id and body, without what went wrong, once more redriven."""
    from azure.servicebus import ServiceBusMessage

    known = properties_of(message)
    redriven = known.get(properties.REDRIVE_COUNT)
    dropped = {*properties.FAILURE, properties.DEAD, properties.HELD, *_BROKERS_OWN}
    kept: dict[str | bytes, Any] = {n: v for n, v in known.items() if n not in dropped}
    kept[properties.ATTEMPT] = 1
    kept[properties.REDRIVE_COUNT] = (redriven if isinstance(redriven, int) else 0) + 1
    event_id = event_id_of(str(message.message_id or ""))
    return ServiceBusMessage(
        body_of(message),
        content_type=message.content_type,
        message_id=f"{event_id}:1",
        session_id=message.session_id,
        correlation_id=message.correlation_id,
        application_properties=kept,
    )


_BROKERS_OWN = ("DeadLetterReason", "DeadLetterErrorDescription")


def _skip(letter: DeadLetter) -> "ServiceBusMessage":
    """Tells an ordered consumer that its session waits for this event no more."""
    from azure.servicebus import ServiceBusMessage

    skipped: dict[str | bytes, Any] = {properties.SKIP: letter.event_id, properties.ATTEMPT: 1}
    return ServiceBusMessage(
        b"{}",
        message_id=f"skip-{letter.event_id}:1",
        session_id=letter.session_id,
        application_properties=skipped,
    )

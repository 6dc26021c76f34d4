"""Sending dead letters again, and throwing them away.

A dead letter can only be taken by receiving: those before it are held locked while it is looked for, and
given back then. Invariants: first the copy is on the bus, then the dead letter is completed; what dies
again while all are sent again is not sent a second time; a search ends in time, whatever lies there, and one
that ended early says so; one letter that cannot be sent keeps no other from it.
"""

import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared_code.clock import utcnow
from shared_code.errors import Unavailable
from shared_code.messaging import properties
from shared_code.messaging.arrival import sendable
from shared_code.messaging.dead_letters.looking import COUNT_LIMIT, needs_session, page, receiver_of
from shared_code.messaging.dead_letters.models import (
    DeadLetter,
    body_of,
    dead_letter,
    event_id_in,
    properties_of,
)
from shared_code.messaging.outbound import outbound
from shared_code.messaging.topology import CONSUMERS, SUBSCRIPTIONS

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.servicebus import ServiceBusMessage, ServiceBusReceivedMessage
    from azure.servicebus.aio import ServiceBusReceiver

_TOGETHER = 100
_QUIET_SECONDS = 2.0  # without a message, so the queue has no more
_SEARCH_SECONDS = 6.0  # with giving back, within what an HTTP answer may take (15 s)
_GIVE_BACK_SECONDS = 4.0
_MOST_HELD_BYTES = 64 * 1024 * 1024
_LONGEST_SESSION_ID = 128  # of Service Bus
_log = logging.getLogger("atrium.messaging")

type Wanted = Callable[[DeadLetter], bool]


@dataclass
class Moved:
    """How many dead letters were sent again, and how many of those wanted are still there."""

    done: int = 0
    left: int = 0


class SearchEnded(TimeoutError):
    """Time or memory were up before all dead letters were looked at."""


async def redrive(queue: str, number: int) -> DeadLetter | None:
    """Send one dead letter to its queue again; None when there is none of this number.

    Raises SearchEnded, Unavailable, ServiceBusError; ValueError when it cannot be sent.
    """
    async with aclosing(_taken(queue, lambda each: each.number == number)) as found:
        async for receiver, message, letter in found:
            await _send_again(queue, message)
            await receiver.complete_message(message)
            return letter
    return None


async def redrive_all(queue: str, reason: str | None) -> Moved:
    """Send all dead letters that are there now, of one reason or of any, to their queue again.

    It takes seconds at most: what is `left` is for a repeat. A letter that cannot be sent is left too.
    Raises Unavailable, ServiceBusError when the bus fails before the first was sent.
    """
    began = utcnow()

    def wanted(letter: DeadLetter) -> bool:
        is_old = letter.enqueued_at is None or letter.enqueued_at <= began
        return is_old and (reason is None or letter.reason == reason)

    done = await _redrive_while_it_goes(queue, wanted)
    left = await page(queue, reason, 0, COUNT_LIMIT)
    return Moved(done, sum(wanted(letter) for letter in left))


async def _redrive_while_it_goes(queue: str, wanted: Wanted) -> int:
    """Send what is wanted, until there is no more or something ends it; how many were sent."""
    from azure.servicebus.exceptions import ServiceBusError

    done = 0
    try:
        async with aclosing(_taken(queue, wanted)) as found:
            async for receiver, message, letter in found:
                if await _is_sent(queue, message, letter):
                    await receiver.complete_message(message)
                    done += 1
                else:
                    await _give_back(receiver, message)
    except SearchEnded:
        pass
    except (ServiceBusError, Unavailable):
        if not done:
            raise
    return done


async def _is_sent(queue: str, message: "ServiceBusReceivedMessage", letter: DeadLetter) -> bool:
    """Send one of many again; False when it cannot be. Raises Unavailable."""
    try:
        await _send_again(queue, message)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - of what may lie there, one must not stop the others
        _log.warning("%s: %s cannot be sent again", queue, letter.event_id, exc_info=error)
        return False
    return True


async def purge(queue: str, number: int) -> DeadLetter | None:
    """Throw one dead letter away; None when there is none of this number.

    A consumer that keeps order waits for it no longer. Raises SearchEnded, Unavailable, ServiceBusError.
    """
    ordered = any(each.queue == queue and each.ordered for each in CONSUMERS)
    async with aclosing(_taken(queue, lambda each: each.number == number)) as found:
        async for receiver, message, letter in found:
            if ordered and letter.session_id:
                await outbound(queue).send(_skip(letter))
            await receiver.complete_message(message)
            return letter
    return None


async def _taken(
    queue: str, wanted: Wanted
) -> AsyncGenerator[tuple["ServiceBusReceiver", "ServiceBusReceivedMessage", DeadLetter]]:
    """The wanted dead letters, each locked; the others are held until the end and then given back.

    Raises SearchEnded between two letters, never while the caller works on one.
    """
    ends = time.monotonic() + _SEARCH_SECONDS
    async with receiver_of(queue, dead=True) as receiver:
        held: deque[ServiceBusReceivedMessage] = deque()
        seen, size = 0, 0
        try:
            while seen < COUNT_LIMIT and (messages := await _next(receiver)):
                held += messages
                seen += len(messages)
                for message in messages:
                    if time.monotonic() > ends or size > _MOST_HELD_BYTES:
                        raise SearchEnded
                    letter = dead_letter(message)
                    if wanted(letter):
                        held.remove(message)
                        yield receiver, message, letter
                    else:
                        size += len(letter.body)
        finally:
            await _give_all_back(receiver, held)


async def _give_all_back(
    receiver: "ServiceBusReceiver", held: "deque[ServiceBusReceivedMessage]"
) -> None:
    """Unlock what was held; what time is not enough for is unlocked within a minute by itself."""
    ends = time.monotonic() + _GIVE_BACK_SECONDS
    while held and time.monotonic() < ends:
        await _give_back(receiver, held.popleft())


async def _next(receiver: "ServiceBusReceiver") -> "list[ServiceBusReceivedMessage]":
    return await receiver.receive_messages(_TOGETHER, max_wait_time=_QUIET_SECONDS)


async def _give_back(receiver: "ServiceBusReceiver", message: "ServiceBusReceivedMessage") -> None:
    """Unlock a dead letter. It counts as a delivery, and dead letters have no most of those."""
    from azure.servicebus.exceptions import ServiceBusError

    with suppress(ServiceBusError):  # else its lock ends by itself
        await receiver.abandon_message(message)


async def _send_again(queue: str, message: "ServiceBusReceivedMessage") -> None:
    target = SUBSCRIPTIONS.get(queue, queue)
    await outbound(target).send(_again(message, needs_session=needs_session(target)))


def _again(
    message: "ServiceBusReceivedMessage", *, needs_session: bool = False
) -> "ServiceBusMessage":
    """The event as if it had just come: its id and body, without what went wrong, once more redriven.

    One that came without the session id that it needs gets its subject for it, or a session of its own.
    """
    from azure.servicebus import ServiceBusMessage

    known = properties_of(message)
    redriven = known.get(properties.REDRIVE_COUNT)
    dropped = {*properties.FAILURE, properties.DEAD, properties.HELD, *_BROKERS_OWN}
    kept = {name: value for name, value in known.items() if name not in dropped}
    kept[properties.ATTEMPT] = 1
    session_id = message.session_id
    if needs_session and not session_id:
        session_id = (message.subject or event_id_in(message))[:_LONGEST_SESSION_ID]
    kept[properties.REDRIVE_COUNT] = (redriven if isinstance(redriven, int) else 0) + 1
    return ServiceBusMessage(
        body_of(message),
        content_type=message.content_type,
        message_id=f"{event_id_in(message)}:1",
        session_id=session_id,
        correlation_id=message.correlation_id,
        subject=message.subject,
        application_properties=sendable(kept),
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

"""Sending to one entity of the bus: what waits leaves together, in the order in which it came.

Invariants: one transfer to an entity is under way at a time in a process (the SDK's senders bear no two);
`send` returns when the bus has the message, and raises when it may not have it: then sending it again is
the caller's choice, and consumers bear it twice.
"""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared_code import service_bus
from shared_code.errors import PayloadTooLarge, Unavailable
from shared_code.faults import fault_point
from shared_code.messaging.topology import TOPIC

if TYPE_CHECKING:  # the SDK is imported on first use
    from azure.servicebus import ServiceBusMessage
    from azure.servicebus.aio import ServiceBusSender

_SEND_SECONDS = 5.0
_MOST_TOGETHER = 100
_log = logging.getLogger("atrium.messaging")


class _Unfit(Exception):
    """The message itself cannot be sent, whatever the bus does. Its cause is what its sender is to hear."""


@dataclass(frozen=True)
class _Waiting:
    message: "ServiceBusMessage"
    sent: asyncio.Future[None]


class Outbound:
    """The way to one entity: a queue, or the topic."""

    def __init__(self, entity: str) -> None:
        self._entity = entity
        self._sender: ServiceBusSender | None = None
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    async def send(self, message: "ServiceBusMessage") -> None:
        """Wait until the bus has the message: one round trip, shared with all that wait meanwhile.

        Raises Unavailable when the bus does not take it in time, PayloadTooLarge when it never will, and
        what the SDK raises (ValueError, TypeError) for a message that cannot be written down.
        """
        waiting = _Waiting(message, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        await waiting.sent

    async def _run(self) -> None:
        while self._waiting:
            group = [self._waiting.popleft()]
            try:
                await asyncio.wait_for(self._send_group(group), _SEND_SECONDS)
            except _Unfit as error:
                _fail(group, error.__cause__ or error)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear it
                _log.warning("the bus did not take %d messages", len(group), exc_info=error)
                # It is not used again: its link may hang in a state that it does not notice.
                await self.close()
                _fail(group, _reason(error, len(group)))
            else:
                _settle(group)

    async def _send_group(self, group: list[_Waiting]) -> None:
        """Send the first of those who wait, and as many behind it as fit one transfer."""
        sender = await self._open()
        batch: Any = await sender.create_message_batch()
        _begin(batch, group[0].message)
        # It is full, or the next is unfit, which will hear that when it is the first.
        with suppress(Exception):
            while self._waiting and len(group) < _MOST_TOGETHER:
                batch.add_message(self._waiting[0].message)
                group.append(self._waiting.popleft())
        fault_point("publish.before_send")
        await sender.send_messages(batch)
        fault_point("publish.after_send")

    async def _open(self) -> "ServiceBusSender":
        if self._sender is None:
            client = service_bus.client()
            is_topic = self._entity == TOPIC
            make = client.get_topic_sender if is_topic else client.get_queue_sender
            self._sender = make(self._entity)
        return self._sender

    async def close(self) -> None:
        """Close the sender, if there is one; the next message opens another."""
        sender, self._sender = self._sender, None
        if sender is not None:
            with suppress(Exception):
                await asyncio.wait_for(sender.close(), 1)


def _settle(group: list[_Waiting]) -> None:
    for each in group:
        if not each.sent.done():
            each.sent.set_result(None)


def _begin(batch: Any, message: "ServiceBusMessage") -> None:
    """Put the first message into a transfer; raises _Unfit when none can carry it."""
    from azure.servicebus.exceptions import MessageSizeExceededError

    try:
        batch.add_message(message)
    except MessageSizeExceededError as error:
        raise _Unfit from _too_large(error)
    except Exception as error:
        raise _Unfit from error


def _reason(error: Exception, together: int) -> Exception:
    """What those who wait hear when the bus has refused the transfer, or not answered."""
    from azure.servicebus.exceptions import MessageSizeExceededError

    if isinstance(error, MessageSizeExceededError) and together == 1:
        return _too_large(error)
    # Of several it is not known which is too large; each may come alone the next time.
    reason = Unavailable()
    reason.__cause__ = error
    return reason


def _too_large(error: Exception) -> PayloadTooLarge:
    reason = PayloadTooLarge("The event does not fit a message")
    reason.__cause__ = error
    return reason


def _fail(group: list[_Waiting], reason: BaseException) -> None:
    for each in group:
        if not each.sent.done():
            each.sent.set_exception(reason)


_ways: dict[str, Outbound] = {}


def outbound(entity: str) -> Outbound:
    """The way to an entity, one per process."""
    if entity not in _ways:
        _ways[entity] = Outbound(entity)
    return _ways[entity]


async def close() -> None:
    """Close every way and the client; for commands and tests."""
    while _ways:  # each by itself: the client knows its senders by weak references only
        await _ways.popitem()[1].close()
    await service_bus.close()

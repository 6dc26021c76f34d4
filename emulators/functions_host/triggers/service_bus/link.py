"""One open receiver, and who may use it when.

The SDK reads from a connection whenever it waits for something, so two tasks that use one receiver
would take each other's frames and wait for the next. Invariant: one operation at a time; receiving,
which waits, gives way to settling and renewing, which do not.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusReceivedMessage
    from azure.servicebus.aio import ServiceBusReceiver

_ERROR_LENGTH = 200


class LinkError(Exception):
    """The broker refused, or cannot be reached; the message says why."""


class NoSessionError(LinkError):
    """No session had a message in time."""


class LockLostError(LinkError):
    """The lock of the message or session is gone, and somebody else may have it."""


class Link:
    """One receiver."""

    def __init__(self, receiver: "ServiceBusReceiver") -> None:
        self._receiver = receiver
        self._turn = asyncio.Lock()
        self._receiving: asyncio.Task[list[ServiceBusReceivedMessage]] | None = None
        self._ended = False

    async def open(self, limit: float) -> None:
        """Connect, and wait for a session if it is a receiver of those.

        Raises:
            NoSessionError: if no session had a message.
            LinkError: if it cannot be opened within so many seconds.
        """
        with _told():
            async with asyncio.timeout(limit):
                await self._receiver.__aenter__()

    @property
    def session_locked_until(self) -> datetime | None:
        """Until when the session is ours."""
        return self._receiver.session.locked_until_utc

    async def receive(self, most: int, wait: float) -> "list[ServiceBusReceivedMessage]":
        """Wait for messages; none when the time is over, or something else had to be done first.

        Raises:
            LinkError: if the link is broken.
        """
        async with self._turn:
            if self._ended:
                return []
            task = asyncio.create_task(self._receiver.receive_messages(most, max_wait_time=wait))
            self._receiving = task
            try:
                await asyncio.wait({task})
            finally:
                self._receiving = None
                task.cancel()
        with _told():
            return [] if task.cancelled() else task.result()

    async def complete(self, message: "ServiceBusReceivedMessage") -> None:
        """Remove a message from its queue.

        Raises:
            LinkError: if it is not ours any more, or the link is broken.
        """
        await self._between(lambda: self._receiver.complete_message(message))

    async def abandon(self, message: "ServiceBusReceivedMessage") -> None:
        """Give a message back, to be delivered again at once.

        Raises:
            LinkError: if it is not ours any more, or the link is broken.
        """
        await self._between(lambda: self._receiver.abandon_message(message))

    async def renew(self, message: "ServiceBusReceivedMessage") -> None:
        """Keep a message for another lock duration.

        Raises:
            LinkError: if it is not ours any more, or the link is broken.
        """
        await self._between(lambda: self._receiver.renew_message_lock(message))

    async def renew_session(self) -> None:
        """Keep the session for another lock duration.

        Raises:
            LinkError: if it is not ours any more, or the link is broken.
        """
        await self._between(self._receiver.session.renew_lock)

    def end_receiving(self) -> None:
        """Let nothing more come; what has come can still be settled."""
        self._ended = True
        self._interrupt()

    async def close(self) -> None:
        """Let the session and the connection go."""
        with _told():
            await self._receiver.close()

    async def _between[T](self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something in front of the receiving that waits."""
        self._interrupt()
        async with self._turn:
            with _told():
                return await work()

    def _interrupt(self) -> None:
        # What arrives while nobody receives is given back by the SDK, and comes again: its count
        # of deliveries stays as it was.
        if self._receiving is not None:
            self._receiving.cancel()


@contextmanager
def _told() -> Iterator[None]:
    """Make one kind of error of the many that the SDK raises: its own, AMQP's and Python's."""
    try:
        yield
    except Exception as error:
        raise _link_error(error) from error


def _link_error(error: Exception) -> LinkError:
    from azure.servicebus import exceptions

    text = (str(error) or type(error).__name__).splitlines()[0][:_ERROR_LENGTH]
    if isinstance(error, exceptions.OperationTimeoutError):
        return NoSessionError(text)
    if isinstance(error, exceptions.SessionLockLostError | exceptions.MessageLockLostError):
        return LockLostError(text)
    return LinkError(text)

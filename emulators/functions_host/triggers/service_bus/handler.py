"""Takes messages to their end: run, then complete or abandon.

Invariant: a message is completed only after its function succeeded. What cannot be settled is told,
and comes again when its lock is over: delivery is at least once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from emulators.functions_host.console import Console
from emulators.functions_host.host_json import ServiceBusOptions
from emulators.functions_host.triggers.service_bus.link import Link, LinkError
from emulators.functions_host.triggers.service_bus.renewal import keep_message

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusReceivedMessage

type Work = Callable[["Sequence[ServiceBusReceivedMessage]"], Awaitable[bool]]
"""Runs the function on messages; whether it succeeded."""


class Handler:
    """Handles the messages of one function."""

    def __init__(
        self, function: str, work: Work, options: ServiceBusOptions, console: Console
    ) -> None:
        self._function = function
        self._work = work
        self._auto_complete = options.auto_complete
        self._renewal_limit = options.max_auto_lock_renewal
        self._console = console

    async def one(self, link: Link, message: "ServiceBusReceivedMessage") -> None:
        """Run one message whose lock is its own, kept meanwhile."""
        keeping = asyncio.create_task(keep_message(link, message, self._renewal_limit))
        try:
            succeeded = await self._work([message])
        finally:
            # Settling must not meet a renewal on its way.
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping
        await self._settle(link, [message], succeeded=succeeded)

    async def of_session(self, link: Link, message: "ServiceBusReceivedMessage") -> None:
        """Run one message of a session, whose lock is kept by whoever holds the session."""
        await self.many(link, [message])

    async def many(self, link: Link, messages: "Sequence[ServiceBusReceivedMessage]") -> None:
        """Run messages together; their locks are not renewed, as in Azure."""
        succeeded = await self._work(messages)
        await self._settle(link, messages, succeeded=succeeded)

    async def _settle(
        self, link: Link, messages: "Sequence[ServiceBusReceivedMessage]", *, succeeded: bool
    ) -> None:
        if succeeded and not self._auto_complete:
            return
        for message in messages:
            try:
                await (link.complete if succeeded else link.abandon)(message)
            except LinkError as error:
                what = "completed" if succeeded else "abandoned"
                self._console.warn(
                    f"{self._function}: message {message.message_id} could not be {what} and will "
                    f"be delivered again: {error}"
                )

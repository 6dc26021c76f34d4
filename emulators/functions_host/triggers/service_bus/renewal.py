"""Keeps locks while functions run, and sessions while they are held.

Invariant: no lock is renewed for the sake of a call that has run longer than
`maxAutoLockRenewalDuration`; then the broker may give its message to another.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from emulators.functions_host.triggers.service_bus.link import Link, LinkError

if TYPE_CHECKING:
    from azure.servicebus import ServiceBusReceivedMessage

_BUFFER_SECONDS = 10.0
_SHORTEST = 0.4


def delay(locked_until: datetime | None, now: datetime) -> float:
    """Return how many seconds before its end to renew a lock: .NET leaves half, or ten seconds."""
    remaining = ((locked_until or now) - now).total_seconds()
    return max(remaining - min(remaining / 2, _BUFFER_SECONDS), _SHORTEST)


async def keep_message(link: Link, message: "ServiceBusReceivedMessage", limit: float) -> None:
    """Renew a message's lock until cancelled, or for so many seconds."""
    end = time.monotonic() + limit
    while True:
        pause = delay(message.locked_until_utc, datetime.now(UTC))
        if time.monotonic() + pause > end:
            return
        await asyncio.sleep(pause)
        try:
            await link.renew(message)
        except LinkError:
            # Settling it will say so.
            return


async def keep_session(link: Link, busy_since: Callable[[], float | None], limit: float) -> None:
    """Renew a session's lock until cancelled, or until one call has run for so many seconds.

    `busy_since` tells when the oldest call began (monotonic), or None when none runs.
    """
    while limit > 0:
        await asyncio.sleep(delay(link.session_locked_until, datetime.now(UTC)))
        began = busy_since()
        if began is not None and time.monotonic() - began > limit:
            return
        try:
            await link.renew_session()
        except LinkError:
            # The next receive will say so.
            return

"""Service Bus clients: one per process, made on first use and kept.

Invariant: nothing here knows what is sent. The setting holds a connection string, or is split for
identities as the Functions host splits it: `SERVICE_BUS__fullyQualifiedNamespace`, reached as the
deployment's managed identity. What cannot be sent is an error of the caller's within seconds; whether and
when to try again is his to decide, so the SDK's own long retries are off.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

from shared_code.errors import Unavailable
from shared_code.settings import optional_setting, setting

if TYPE_CHECKING:  # the SDK takes 0.2 s to import, so a cold start pays for what it uses
    from azure.servicebus.aio import ServiceBusClient

SETTING = "SERVICE_BUS"

_RETRIES = 1
_BACKOFF_SECONDS = 0.1


@cache
def client() -> "ServiceBusClient":
    """The client of the namespace. Raises NotConfigured without the setting; opens nothing yet."""
    from azure.servicebus.aio import ServiceBusClient

    if namespace := optional_setting(f"{SETTING}__fullyQualifiedNamespace"):
        from azure.identity.aio import DefaultAzureCredential

        return ServiceBusClient(
            namespace,
            DefaultAzureCredential(),
            retry_total=_RETRIES,
            retry_backoff_factor=_BACKOFF_SECONDS,
        )
    return ServiceBusClient.from_connection_string(
        setting(SETTING), retry_total=_RETRIES, retry_backoff_factor=_BACKOFF_SECONDS
    )


async def reach(queue: str) -> None:
    """Raise ServiceBusError unless the queue (one without sessions) can be looked into.

    It opens a link each time, because an open one may not have noticed yet that its broker is gone.
    """
    async with client().get_queue_receiver(queue) as receiver:
        await receiver.peek_messages(max_message_count=1, timeout=2)


@asynccontextmanager
async def answered() -> AsyncIterator[None]:
    """Within the block, a bus that does not answer is Unavailable."""
    from azure.servicebus.exceptions import ServiceBusError

    try:
        yield
    except (ServiceBusError, TimeoutError) as error:
        raise Unavailable from error


async def close() -> None:
    """Close the client; for commands and tests, which end before their process."""
    if client.cache_info().currsize:
        await asyncio.shield(client().close())
        client.cache_clear()

"""Makes what the services keep their data in: tables, containers, queues and first keys.

    python -m functions.provision

Runs before a deployment takes requests, and as often as one likes: what exists stays. Invariant: no
request ever creates a table, a container or a queue.
"""

import asyncio
from importlib import import_module

from functions import SERVICES
from shared_code.settings import enabled_services
from shared_code.storage import close_all


async def provision() -> None:
    """Provision every enabled service, one after another, and say which."""
    try:
        for name in enabled_services(SERVICES):
            await import_module(f"functions.{name}.store").provision()
            print(f"provisioned {name}")  # noqa: T201 - a command speaks to its user
    finally:
        await close_all()


if __name__ == "__main__":
    asyncio.run(provision())

"""A process that begins files in a drive, many at once: `creating.py <user> <number> <size> <prefix>`.

Prints how many were begun, and how many the quota refused. Where the store fails it repeats with its key, as
a client does; any other trouble ends it with an error.
"""

import asyncio
import json
import sys

from azure.core.exceptions import AzureError

from functions.files.commands import uploading
from functions.files.errors import QuotaExceeded
from functions.files.models import NewFile
from shared_code.actor import Actor
from shared_code.clock import utcnow
from shared_code.outbox import OutboxRows
from shared_code.storage import close_all, is_outage

_MOST_TRIES = 10


async def create(user_id: str, name: str, size: int) -> bool:
    """Whether there was room."""
    actor = Actor(user_id, "ses_00000000000000000000000000", utcnow())
    body = NewFile(name=name, size=size, content_type="text/plain", sha256="0" * 64)
    for _ in range(_MOST_TRIES):
        try:
            await uploading.create(actor, body, name)
        except QuotaExceeded:
            return False
        except AzureError as error:
            if not is_outage(error):
                raise
        else:
            return True
    raise TimeoutError(f"{name} could not be begun")


async def main(user_id: str, number: str, size: str, prefix: str) -> None:
    """Begin them all, side by side."""
    OutboxRows.tell_soon = lambda *_: None  # type: ignore[method-assign]  # no bus here
    names = (f"{prefix}{n}" for n in range(int(number)))
    made = await asyncio.gather(*(create(user_id, each, int(size)) for each in names))
    await close_all()
    sys.stdout.write(json.dumps({"made": made.count(True), "refused": made.count(False)}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

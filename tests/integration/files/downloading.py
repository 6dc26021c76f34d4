"""A process that counts downloads of a link, many at once: `downloading.py <link> <number>`.

Prints how many were counted.
"""

import asyncio
import sys

from functions.files import store
from shared_code.storage import close_all


async def main(link_id: str, number: str) -> None:
    """Count them all, side by side."""
    counted = await asyncio.gather(*(store.count_download(link_id) for _ in range(int(number))))
    await close_all()
    sys.stdout.write(str(counted.count(True)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

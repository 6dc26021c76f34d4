"""How often files lets one try: the table of its limits, and which of them a request meets.

Invariant: taken before the work, so that parallel tries count as well; a wrong password of a link counts, a
right one does not. Where no trusted proxy tells a client's address, limits by network do not apply.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from functions.files.store.tables import LIMITS, SETTING
from shared_code.clock import now_ms
from shared_code.endpoint import Client
from shared_code.limits import Limit, Limiter, Taken, Window, named_limits
from shared_code.storage import table

OVERRIDES = "FILES_LIMITS"
"""Other numbers than these: `upload=5000/300; link_password=5/300,20/3600`."""

_MINUTES, _HOUR = 300, 3600

_DEFAULTS: Mapping[str, tuple[Window, ...]] = MappingProxyType(
    {
        # Of one user. A folder of 1,000 pictures goes up in five minutes.
        "upload": (Window(1000, _MINUTES),),
        # Of one user: each stands in somebody's list of what is shared with him.
        "share": (Window(500, _HOUR),),
        # Of strangers with a link: by link and network, and by link alone.
        "link_password": (Window(10, _MINUTES), Window(30, _HOUR)),
        "link_passwords_of_all": (Window(100, _MINUTES), Window(300, _HOUR)),
        "link_network": (Window(600, _MINUTES),),
        "drop": (Window(100, _MINUTES), Window(500, _HOUR)),
    }
)


async def before_upload(user_id: str) -> None:
    """Count an upload that a user begins. One round trip. Raises TooManyRequests."""
    await _limiter().take((_named("upload"), user_id))


async def before_share(user_id: str) -> None:
    """Count an item that a user shares with somebody. One round trip. Raises TooManyRequests."""
    await _limiter().take((_named("share"), user_id))


async def before_link(client: Client) -> None:
    """Count a stranger's use of any link. One round trip. Raises TooManyRequests."""
    if client.network:
        await _limiter().take((_named("link_network"), client.network))


async def before_password(link_id: str, client: Client) -> Taken:
    """Take a try at a link's password; give it back when it is right. Two round trips.

    Raises TooManyRequests.
    """
    mine = (_named("link_password"), f"{client.network or '-'} {link_id}")
    return await _limiter().take(mine, (_named("link_passwords_of_all"), link_id))


async def succeeded(taken: Taken) -> None:
    """It was no failure, so it does not count. Raises nothing."""
    await _limiter().give_back(taken)


async def before_drop(link_id: str) -> None:
    """Count a file that is dropped by a link. One round trip. Raises TooManyRequests."""
    await _limiter().take((_named("drop"), link_id))


async def sweep() -> int:
    """Delete the rows that count no more; how many they were. A timer calls it. Raises AzureError."""
    return await _limiter().sweep(now_ms())


@cache
def _limiter() -> Limiter:
    return Limiter(lambda: table(SETTING, LIMITS))


def _named(name: str) -> Limit:
    return named_limits(OVERRIDES, _DEFAULTS)[name]

"""Waits for a condition, never for a time: a test is as fast as what it tests.

Invariant: every wait has a limit, and says what did not happen.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

PAUSE = 0.02


def until[T](condition: Callable[[], T], what: str, limit: float = 20.0) -> T:
    """The first true answer of the condition."""
    deadline = time.monotonic() + limit
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit:.0f} s: {what}")
        time.sleep(PAUSE)
    return answer


async def until_async[T](condition: Callable[[], Awaitable[T]], what: str, limit: float = 20) -> T:
    """As ``until``, for a condition that is asked with await."""
    deadline = time.monotonic() + limit
    while not (answer := await condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {limit:.0f} s: {what}")
        await asyncio.sleep(PAUSE)
    return answer

"""Password hashes: argon2id at OWASP's setting, never on the event loop.

Invariant: at most one hash per core runs at a time and a bounded number waits, so that a flood of logins
is refused with a 503 and neither exhausts memory (19 MiB a hash) nor starves other requests.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

from shared_code.errors import TooManyHashes

if TYPE_CHECKING:  # imported on first use: a cold start pays for what it uses
    from argon2 import PasswordHasher

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1
_SALT_BYTES = 16
_HASH_BYTES = 32
# A hash takes some 40 ms, so the last in the queue waits for little more than a second.
_WAITING_PER_CORE = 32

# Measured on two cores with 8 clients logging in: the p95 of other requests falls to less than half.
_NICENESS = 10

# No password is known for it; it costs what a real one costs, so that an unknown account does too.
_DECOY = f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${'A' * 22}${'A' * 43}"


def _give_way() -> None:
    """Let the event loop's thread go first: with every core hashing, other requests would wait."""
    if sys.platform == "linux":  # elsewhere a priority belongs to the process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


class HashPool:
    """Threads for hashing, with a bounded queue. Holds for every event loop of the process."""

    def __init__(self, workers: int, waiting: int) -> None:
        self._threads = ThreadPoolExecutor(workers, "argon2", initializer=_give_way)
        self._places = threading.BoundedSemaphore(workers + waiting)

    async def run[Result](self, work: Callable[[], Result]) -> Result:
        """Do `work` in a thread. Raises TooManyHashes at once when the queue is full."""
        if not self._places.acquire(blocking=False):
            raise TooManyHashes
        job = self._threads.submit(work)
        # A caller that gives up frees the place when its job leaves the pool, not before.
        job.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(job)


@cache
def _pool() -> HashPool:
    cores = os.process_cpu_count() or 1
    return HashPool(cores, waiting=_WAITING_PER_CORE * cores)


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher(PASSES, MEMORY_KIB, LANES, hash_len=_HASH_BYTES, salt_len=_SALT_BYTES)


async def hash_password(password: str) -> str:
    """The hash of a new password, in PHC form. Raises TooManyHashes."""
    return await _pool().run(lambda: _hasher().hash(password))


async def matches(password: str, stored: str | None) -> bool:
    """Whether the password is the one that `stored` was made of; with None the same work, and False.

    Raises TooManyHashes.
    """
    verified = await _pool().run(lambda: _verify(password, stored or _DECOY))
    return verified and stored is not None


def _verify(password: str, stored: str) -> bool:
    from argon2.exceptions import VerifyMismatchError

    try:
        return _hasher().verify(stored, password)
    except VerifyMismatchError:
        return False


def is_outdated(stored: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher().check_needs_rehash(stored)

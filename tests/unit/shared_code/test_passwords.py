"""Password hashing: OWASP's setting, off the event loop, and no more than the machine can bear."""

import asyncio
import os
import sys
import threading
import time

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from shared_code import passwords
from shared_code.errors import TooManyHashes
from shared_code.passwords import HashPool, hash_password, is_outdated, matches

OWASP = {"memory_cost": 19 * 1024, "time_cost": 2, "parallelism": 1}


def setting(stored: str) -> dict[str, int]:
    found = extract_parameters(stored)
    assert found.type is Type.ID
    return {name: getattr(found, name) for name in OWASP}


async def test_a_hash_is_argon2id_at_owasps_setting_with_its_own_salt() -> None:
    first, second = [await hash_password("correct horse") for _ in range(2)]
    assert setting(first) == OWASP
    assert first != second


async def test_the_decoy_costs_what_a_real_hash_costs() -> None:
    real = extract_parameters(await hash_password("correct horse"))
    assert extract_parameters(passwords._DECOY) == real
    assert not is_outdated(passwords._DECOY)


@pytest.mark.parametrize("password", ["correct horse", " spaces ", "🦄" * 128, "with\x00nul"])
async def test_a_password_matches_its_hash_and_no_other(password: str) -> None:
    stored = await hash_password(password)
    assert await matches(password, stored)
    assert not await matches(password + "x", stored)
    assert not await matches(password[:-1], stored)


async def test_what_looks_alike_is_another_password() -> None:
    stored = await hash_password("Zo\u00eb's cat")
    assert not await matches("Zoe\u0308's cat", stored)
    assert not await matches("zo\u00eb's cat", stored)


async def test_without_a_stored_hash_one_is_verified_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verified: list[str] = []

    def verify(_: str, stored: str) -> bool:
        verified.append(stored)
        return True

    monkeypatch.setattr(passwords, "_verify", verify)
    assert not await matches("correct horse", None)
    assert verified == [passwords._DECOY]


async def test_a_hash_of_yesterdays_parameters_is_outdated() -> None:
    assert is_outdated(PasswordHasher(1, 8 * 1024, 1).hash("correct horse"))
    assert not is_outdated(await hash_password("correct horse"))


async def test_the_event_loop_runs_on_while_hashes_are_made() -> None:
    hashing = asyncio.gather(*(hash_password("correct horse") for _ in range(4)))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    await hashing
    assert turns > 100


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities on Linux only")
async def test_hashing_gives_way_to_the_event_loop() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await HashPool(1, waiting=0).run(priority) > priority()


class Gate:
    """Work that waits until it is let through, and counts how much runs at once."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self._lock = threading.Lock()
        self.running = 0
        self.most = 0

    def work(self) -> None:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        assert self.open.wait(10)
        with self._lock:
            self.running -= 1


async def test_no_more_run_at_once_than_there_are_threads() -> None:
    pool, gate = HashPool(2, waiting=8), Gate()
    jobs = asyncio.gather(*(pool.run(gate.work) for _ in range(10)))
    await asyncio.sleep(0)
    gate.open.set()
    await jobs
    assert gate.most == 2


async def test_beyond_the_queue_a_caller_is_refused_at_once() -> None:
    pool, gate = HashPool(1, waiting=1), Gate()
    taken = [asyncio.ensure_future(pool.run(gate.work)) for _ in range(2)]
    await asyncio.sleep(0)
    started = time.monotonic()
    with pytest.raises(TooManyHashes) as caught:
        await pool.run(gate.work)
    assert time.monotonic() - started < 1
    assert (caught.value.status, caught.value.retry_after) == (503, 1)
    gate.open.set()
    await asyncio.gather(*taken)


async def test_places_are_free_again_after_success_failure_and_giving_up() -> None:
    pool, gate = HashPool(1, waiting=1), Gate()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await pool.run(lambda: 1 / 0)
    running, waiting = [asyncio.ensure_future(pool.run(gate.work)) for _ in range(2)]
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    last = asyncio.ensure_future(pool.run(gate.work))
    await asyncio.sleep(0)
    gate.open.set()
    await asyncio.gather(running, last)

"""A stack of two workers whose fault points can be armed: the worker that comes to one is killed there.

Invariant: what a test has armed and nobody has hit is disarmed before the next one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared_code.faults import POINTS
from tests.harness.stack import Stack, with_settings, workers_of
from tests.harness.waiting import until_async

PATIENCE = 100.0  # a message that could not be given back comes after its lock, a minute


@dataclass(frozen=True)
class Place:
    """A stack with two workers, and where its fault points are armed."""

    stack: Stack
    faults: Path

    def arm(self, point: str) -> None:
        (self.faults / point).touch()

    def disarm(self) -> None:
        """Whatever a test that failed has left armed."""
        for point in POINTS:
            (self.faults / point).unlink(missing_ok=True)

    def hits(self, point: str) -> int:
        return len(list(self.faults.glob(f"{point}.hit-*")))

    async def until_hit(self, point: str, before: int, limit: float = PATIENCE) -> None:
        """Wait until a worker has died at the point once more than before."""

        async def hit() -> bool:
            return self.hits(point) > before

        await until_async(hit, f"a worker dies at {point}", limit)

    async def until_two_workers(self) -> None:
        """Wait until both workers are there (again)."""

        async def two() -> bool:
            return len(workers_of(self.stack)) == 2

        await until_async(two, "two workers", PATIENCE)


@contextmanager
def place_for_faults(state: Path, faults: Path) -> Iterator[Place]:
    """A stack of one's own, to kill workers of."""
    with with_settings(
        state, ATRIUM_FAULTS=str(faults), FUNCTIONS_WORKER_PROCESS_COUNT="2"
    ) as stack:
        yield Place(stack, faults)

"""What must answer for this deployment to be ready.

Each service registers its probes at import; registering opens nothing. Invariants: `/api/ready` says 200
only when every probe of every enabled service answered within its time; however often strangers ask,
the dependencies are asked once a second at most.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

type Probe = Callable[[], Awaitable[None]]

_PROBE_SECONDS = 3.0
_ROUND_SECONDS = 1.0
_log = logging.getLogger("atrium.readiness")


class Readiness:
    """The probes, and the last round of asking them."""

    def __init__(self) -> None:
        self._probes: dict[str, Probe] = {}
        self._round: asyncio.Task[dict[str, bool]] | None = None
        self._started = float("-inf")

    def depends_on(self, name: str, probe: Probe) -> None:
        """Register `probe`, a coroutine function that raises when `name` is not usable.

        Services that share a dependency register it under the same name; it is asked once.
        """
        self._probes[name] = probe

    async def check(self) -> dict[str, bool]:
        """Which dependencies answer, all asked side by side, at most a second ago."""
        if self._round is None or (self._round.done() and self._is_old()):
            self._started = time.monotonic()
            self._round = asyncio.create_task(self._ask())
        return await asyncio.shield(self._round)

    def _is_old(self) -> bool:
        return time.monotonic() - self._started >= _ROUND_SECONDS

    async def _ask(self) -> dict[str, bool]:
        names, probes = list(self._probes), list(self._probes.values())
        answers = await asyncio.gather(*map(_answers, names, probes))
        return dict(zip(names, answers, strict=True))


async def _answers(name: str, probe: Probe) -> bool:
    try:
        await asyncio.wait_for(probe(), _PROBE_SECONDS)
    except Exception as error:  # noqa: BLE001 - whatever a client library raises means "not ready"
        _log.warning("%s does not answer", name, exc_info=error)
        return False
    return True


READINESS = Readiness()
depends_on = READINESS.depends_on

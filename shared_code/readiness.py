"""What must answer for this deployment to be ready.

Each service registers its probes at import; registering opens nothing. Invariant: `/api/ready` says
200 only when every probe of every enabled service answered within its time.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

type Probe = Callable[[], Awaitable[None]]

PROBES: dict[str, Probe] = {}
_PROBE_SECONDS = 3.0
_log = logging.getLogger("atrium.readiness")


def depends_on(name: str, probe: Probe) -> None:
    """Register `probe`, a coroutine function that raises when the dependency `name` is not usable."""
    PROBES[name] = probe


async def check() -> dict[str, bool]:
    """Which dependencies answer, all asked side by side."""
    answers = await asyncio.gather(*(_answers(name, probe) for name, probe in PROBES.items()))
    return dict(zip(PROBES, answers, strict=True))


async def _answers(name: str, probe: Probe) -> bool:
    try:
        await asyncio.wait_for(probe(), _PROBE_SECONDS)
    except Exception as error:  # noqa: BLE001 - whatever a client library raises means "not ready"
        _log.warning("%s does not answer", name, exc_info=error)
        return False
    return True

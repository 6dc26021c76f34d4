"""The warm-up trigger: runs its function when this instance of the app has started.

On Azure the platform asks for it, at `/admin/warmup`; on a laptop nobody would, so the start does.

Invariant: the function runs beside the start, not before it; a slow one delays no request.
"""

import asyncio

from emulators.functions_host.model import Outcome, TriggerInput
from emulators.functions_host.services import Services
from emulators.functions_host.triggers.base import Wiring


class WarmupTrigger:
    """Runs one function at start."""

    def __init__(self, wiring: Wiring, services: Services) -> None:
        del services
        self._wiring = wiring
        self._running: asyncio.Task[Outcome] | None = None

    def describe(self) -> str:
        """Say that it runs at start."""
        return "warmupTrigger, once at start"

    async def start(self) -> None:
        """Run the function."""
        self._running = asyncio.ensure_future(self._wiring.run(_value()))

    async def stop(self) -> None:
        """Wait for the run."""
        if self._running is not None:
            await self._running

    async def manual(self, text: str) -> TriggerInput | None:
        """Return one more run; a warm-up takes no text."""
        del text
        return _value()


def _value() -> TriggerInput:
    return TriggerInput(("json", "{}"))

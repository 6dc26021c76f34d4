"""The worker processes together: round robin, replacement, time-outs, and when to give up.

Invariant: the number of live workers tends to the number asked for, until too many have crashed in
half an hour; then the host ends, because a worker that always crashes would burn the machine.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emulators.functions_host import explain
from emulators.functions_host.console import Console
from emulators.functions_host.dispatch.child import Call, Child, Indexed
from emulators.functions_host.model import Outcome
from emulators.functions_host.worker import wire

_START_SECONDS = 60.0
_SWEEP_SECONDS = 0.25
_GRACE_SECONDS = 2.0
_CRASHES_PER_WORKER = 3
_CRASH_WINDOW = 30 * 60.0


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """What the pool is to run."""

    app: Path
    environment: dict[str, str]
    workers: int
    function_timeout: float | None


class Pool:
    """All workers. `on_fatal` is told, once, when the host must end, and why."""

    def __init__(
        self, options: PoolOptions, console: Console, on_fatal: Callable[[str], None]
    ) -> None:
        self._options = options
        self._console = console
        self._on_fatal = on_fatal
        self._children: list[Child] = []
        self._ready: deque[Child] = deque()
        self._some_ready = asyncio.Event()
        self._crashes: deque[float] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._first: asyncio.Future[Indexed] = asyncio.get_running_loop().create_future()
        self._stopping = False
        self._number = 0

    async def start(self) -> Indexed:
        """Start the workers and return what the first of them found in the app.

        A worker that crashes meanwhile is replaced; it is `on_fatal` that ends the wait then.
        """
        for _ in range(self._options.workers):
            await self._spawn()
        if self._options.function_timeout is not None:
            self._keep(self._sweep(self._options.function_timeout))
        return await self._first

    async def run(self, call: Call) -> Outcome:
        """Run an invocation on the next worker, waiting for one if all are being replaced."""
        while not self._ready:
            self._some_ready.clear()
            try:
                async with asyncio.timeout(_START_SECONDS):
                    await self._some_ready.wait()
            except TimeoutError:
                return Outcome(ok=False, error="no worker process is ready")
        child = self._ready[0]
        self._ready.rotate(-1)
        return await child.run(call)

    async def stop(self) -> None:
        """Stop every worker."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(child.stop() for child in list(self._children)))

    async def _spawn(self) -> Child:
        self._number += 1
        child = Child(self._number, self._log, self._ended)
        await child.start(self._options.app, self._options.environment)
        self._children.append(child)
        child.indexed.add_done_callback(lambda future: self._indexed(child, future.result()))
        self._later(_START_SECONDS, lambda: None if child.indexed.done() else child.kill())
        return child

    def _indexed(self, child: Child, found: Indexed) -> None:
        if found.crashed:
            return
        if not self._first.done():
            self._first.set_result(found)
        if found.error or child.retired:
            return
        self._ready.append(child)
        self._some_ready.set()

    def _ended(self, child: Child) -> None:
        """Replace a worker that is gone, unless it was told to go."""
        self._children.remove(child)
        self._drop(child)
        if self._stopping:
            return
        if not child.retired:
            self._crashes.append(time.monotonic())
            self._console.warn(f"worker {child.number} (pid {child.pid}) crashed; replacing it")
        while self._crashes and self._crashes[0] < time.monotonic() - _CRASH_WINDOW:
            self._crashes.popleft()
        if len(self._crashes) >= _CRASHES_PER_WORKER * self._options.workers:
            self._on_fatal(f"worker processes crashed {len(self._crashes)} times; giving up")
        elif len(self._children) < self._options.workers:
            self._keep(self._replace())

    async def _replace(self) -> None:
        child = await self._spawn()
        found = await child.indexed
        if found.error and not found.crashed:
            self._console.say(explain.indexing_failure(found.error, found.stack), "red")
            child.kill()

    async def _sweep(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            for child in list(self._children):
                if calls := child.overdue(seconds):
                    self._time_out(child, calls, seconds)

    def _time_out(self, child: Child, calls: list[Call], seconds: float) -> None:
        """Fail what is overdue, and end the worker with all that it runs: Python has no other way.

        The replacement starts at once, so that new invocations need not wait out the grace.
        """
        for call in calls:
            child.fail(
                call.id, f"functionTimeout of {seconds:g} s exceeded by {call.function_name}"
            )
        if not child.retired:
            child.retired = True
            self._drop(child)
            self._console.warn(
                f"{calls[0].function_name} exceeded functionTimeout; worker {child.number} "
                f"(pid {child.pid}) is killed with all that it runs, and replaced"
            )
            self._later(_GRACE_SECONDS, child.kill)
            self._keep(self._replace())

    def _drop(self, child: Child) -> None:
        if child in self._ready:
            self._ready.remove(child)

    def _log(self, message: wire.Message) -> None:
        _, invocation, level, _logger, text = message
        self._console.log(invocation, level, text)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, action)

    def _keep(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

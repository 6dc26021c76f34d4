"""The worker processes together: round robin, replacement, time-outs, and when to give up.

Invariant: the number of live workers tends to the number asked for, until too many have crashed;
then the pool ends, because a worker that always crashes would burn the machine.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulators.functions_host import explain
from emulators.functions_host.console import Console
from emulators.functions_host.dispatch import import_time
from emulators.functions_host.dispatch.child import Call, Child, Indexed
from emulators.functions_host.dispatch.crashes import Crashes
from emulators.functions_host.model import Outcome
from emulators.functions_host.worker import wire

_START_SECONDS = 60.0
_INIT_SECONDS = 10.0
_SLOW_SECONDS = 1.0
_SWEEP_SECONDS = 0.25
_GRACE_SECONDS = 2.0
_AZURE_START_INTERVAL = 10.0


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """What the pool is to run."""

    app: Path
    environment: dict[str, str]
    workers: int
    function_timeout: float | None
    azure_timing: bool = False
    strict: bool = False


class Pool:
    """All workers of one version of the app.

    `on_fatal` is told, once, when a pool that had started gives up; `on_blocked` of a function (its
    id) that held a worker's event loop.
    """

    def __init__(
        self, options: PoolOptions, console: Console, on_fatal: Callable[[str], None]
    ) -> None:
        self._options = options
        self._console = console
        self._on_fatal = on_fatal
        self.on_blocked: Callable[[str, str], None] = lambda _function, _what: None
        self._children: list[Child] = []
        self._ready: deque[Child] = deque()
        self._some_ready = asyncio.Event()
        self._crashes = Crashes()
        self._tasks: set[asyncio.Task[None]] = set()
        self._first: asyncio.Future[Indexed] = asyncio.get_running_loop().create_future()
        self._stopping = False
        self._number = 0

    async def start(self) -> Indexed:
        """Start the workers and return what the first of them found in the app.

        A worker that crashes meanwhile is replaced, until too many have.
        """
        await self._spawn()
        self._keep(self._spawn_others())
        if self._options.function_timeout is not None:
            self._keep(self._sweep(self._options.function_timeout))
        found = await self._first
        if found.seconds > _SLOW_SECONDS:
            self._keep(self._explain_slowness(found.seconds))
        return found

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

    async def drain(self, seconds: float) -> None:
        """Wait until nothing runs, but no longer than so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not all(child.idle for child in self._children):  # noqa: ASYNC110 - seldom and short
                    await asyncio.sleep(_SWEEP_SECONDS / 5)

    async def stop(self) -> None:
        """Stop every worker."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(child.stop() for child in list(self._children)))

    async def _spawn_others(self) -> None:
        for _ in range(self._options.workers - 1):
            if self._options.azure_timing:
                await asyncio.sleep(_AZURE_START_INTERVAL)
            await self._spawn()

    async def _spawn(self) -> Child:
        self._number += 1
        child = Child(self._number, self._said, self._ended)
        options = self._options
        await child.start(options.app, options.environment, strict=options.strict)
        self._children.append(child)
        child.indexed.add_done_callback(lambda future: self._indexed(child, future.result()))
        self._keep(self._hold_to_budget(child))
        return child

    async def _hold_to_budget(self, child: Child) -> None:
        """End a worker that starts or indexes for too long, as Azure does."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                await child.started
            async with asyncio.timeout(_INIT_SECONDS):
                await asyncio.shield(child.indexed)
        except TimeoutError:
            child.kill(explain.over_budget(_INIT_SECONDS if child.started.done() else None))
        except asyncio.CancelledError:
            # The worker ended before it began, or the pool stops.
            return

    def _indexed(self, child: Child, found: Indexed) -> None:
        if found.crashed:
            return
        if not self._first.done():
            self._first.set_result(found)
        if found.error or child.retired:
            return
        self._crashes.came_up()
        self._ready.append(child)
        self._some_ready.set()

    def _ended(self, child: Child) -> None:
        """Replace a worker that is gone, unless it was told to go."""
        self._children.remove(child)
        self._drop(child)
        if self._stopping:
            return
        if not child.retired:
            self._crashes.add()
            why = child.indexed.result().error
            self._console.warn(
                f"worker {child.number} (pid {child.pid}) crashed; replacing it"
                + (f"\n{why}" if why else "")
            )
        if reason := self._crashes.too_many():
            self._give_up(reason)
        elif len(self._children) < self._options.workers:
            self._keep(self._replace())

    def _give_up(self, reason: str) -> None:
        if self._first.done():
            self._on_fatal(reason)
        else:
            self._first.set_result(Indexed(error=reason, crashed=True))

    async def _replace(self) -> None:
        child = await self._spawn()
        found = await child.indexed
        if found.error and not found.crashed:
            self._console.say(explain.indexing_failure(found.error, found.stack), "red")
            child.retired = True
            child.kill()

    async def _explain_slowness(self, seconds: float) -> None:
        """Say what the time went to, as `python -X importtime` tells it."""
        modules = await import_time.slowest(self._options.app, self._options.environment)
        self._console.warn(explain.slow_import(seconds, _INIT_SECONDS, modules))

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
            asyncio.get_running_loop().call_later(_GRACE_SECONDS, child.kill)
            self._keep(self._replace())

    def _drop(self, child: Child) -> None:
        if child in self._ready:
            self._ready.remove(child)

    def _said(self, message: wire.Message) -> None:
        if message[0] == wire.BLOCKED:
            _, function, milliseconds, place = message
            self.on_blocked(function, f"held the event loop for {milliseconds} ms at {place}")
            return
        _, invocation, level, logger, text = message
        self._console.log(invocation, level, text, logger)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

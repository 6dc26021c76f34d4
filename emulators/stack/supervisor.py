"""Keeps all parts of a stack running, or none.

Each part has a keeper: it waits for what the part needs, starts it, waits until it is ready, and
starts it again after a crash. Invariant: a keeper's error ends the whole run, and ``run`` returns
or raises only when every part has stopped.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from emulators.stack.console import Console
from emulators.stack.errors import PartFailed, PortTaken, StackError
from emulators.stack.logs import Log
from emulators.stack.parts import Part
from emulators.stack.ports import is_free
from emulators.stack.probes import until_ready
from emulators.stack.process import Process, Watchdog, reason
from emulators.stack.restarts import MOST, WINDOW, Restarts
from emulators.stack.state import State

STOP_LIMIT = 10.0
PROGRESS_EVERY = 5.0


class Supervisor:
    """One run of a stack."""

    def __init__(
        self, parts: Sequence[Part], state: State, console: Console, *, verbose: bool = False
    ) -> None:
        self._parts = parts
        self._console = console
        self._lock = state.lock
        self._logs = {part.name: self._log(part, state, verbose=verbose) for part in parts}
        self._ready = {part.name: asyncio.Event() for part in parts}
        self._running: dict[str, Process] = {}
        self._excuses: dict[str, str] = {}
        self._watchdog: Watchdog

    def _log(self, part: Part, state: State, *, verbose: bool) -> Log:
        def show(line: str) -> None:
            self._console.show(f"{part.name}: {line}" if verbose else line)

        return Log(state.logs / f"{part.name}.log", show if part.shown or verbose else None)

    async def run(
        self, on_ready: Callable[[], None], stop: asyncio.Event, hurry: asyncio.Event
    ) -> None:
        """Start, announce, watch; ends when ``stop`` is set, or by the error of a part."""
        self._watchdog = await Watchdog.start(self._lock)
        keepers = {asyncio.create_task(self._keep(part)) for part in self._parts}
        keepers.add(asyncio.create_task(self._watchdog.ended()))
        keepers.add(asyncio.create_task(self._report_progress()))
        stopped = asyncio.create_task(stop.wait())
        ready = asyncio.create_task(self._all_ready())
        try:
            await _first_of(keepers, stopped, ready)
            if not stop.is_set():
                on_ready()
                await _first_of(keepers, stopped)
            self._console.say("stopping all parts")
        except StackError as error:
            self._console.say(f"{str(error).splitlines()[0]}: stopping all parts")
            raise
        finally:
            await _cancelled([*keepers, stopped, ready])
            await self._stop_all(hurry)
            await self._watchdog.stop()

    async def _all_ready(self) -> None:
        for event in self._ready.values():
            await event.wait()

    async def _report_progress(self) -> None:
        while not all(event.is_set() for event in self._ready.values()):
            await asyncio.sleep(PROGRESS_EVERY)
            for name, excuse in self._excuses.items():
                self._console.say(f"waiting for {name}: {excuse}")

    async def _keep(self, part: Part) -> None:
        for need in part.needs:
            await self._ready[need].wait()
        process = await self._start(part)
        self._ready[part.name].set()
        if part.is_task:
            return
        restarts = Restarts()
        while True:
            process = await self._replace(process, await process.ended(), restarts)

    async def _start(self, part: Part) -> Process:
        """Start a part and wait until it is ready; an error carries the last lines of its log."""
        began = self._console.elapsed
        self._console.say(f"starting {part.name}")
        process = Process(part, self._logs[part.name], self._watchdog)
        await process.start()
        self._running[part.name] = process
        try:
            async with asyncio.timeout(part.limit):
                await self._until_ready(process)
        except TimeoutError:
            excuse = self._excuses.get(part.name, "it has not ended")
            text = f"{part.name} is not ready after {part.limit:.0f} s: {excuse}"
            raise PartFailed(f"{text}\n{process.log.tail()}") from None
        finally:
            self._excuses.pop(part.name, None)
        word = "done" if part.is_task else "ready"
        self._console.say(f"{part.name} is {word} after {self._console.elapsed - began:.1f} s")
        return process

    async def _until_ready(self, process: Process) -> None:
        part = process.part
        if part.is_task:
            if code := await process.ended():
                raise PartFailed(f"{part.name} failed: {reason(code)}\n{process.log.tail()}")
            return
        ended = asyncio.create_task(process.ended())
        ready = asyncio.create_task(until_ready(part, self._excuses))
        try:
            await asyncio.wait({ended, ready}, return_when=asyncio.FIRST_COMPLETED)
            # Ended first: another process that answers on its port does not make it ready.
            if ended.done():
                raise _start_failure(process, ended.result())
        finally:
            await _cancelled([ended, ready])

    async def _replace(self, crashed: Process, code: int, restarts: Restarts) -> Process:
        """Report a crash and start the part again, as often as that is sensible."""
        part = crashed.part
        what = f"{part.name} crashed: {reason(code)}\n{crashed.log.tail()}"
        while True:
            if part.beyond_restart:
                raise PartFailed(f"{what}\n{part.beyond_restart}")
            pause = restarts.next_pause()
            if pause is None:
                raise PartFailed(f"{what}\n{MOST} restarts in {WINDOW:.0f} s did not help")
            self._console.say("\n    ".join(filter(None, (what, part.loses, _again(pause)))))
            await asyncio.sleep(pause)
            try:
                process = await self._start(part)
                await self._repeat_tasks(part)
            except PartFailed as error:
                what = str(error)
                await self._running[part.name].stop(STOP_LIMIT)
            else:
                return process

    async def _repeat_tasks(self, restarted: Part) -> None:
        """What a task did may have been lost with the crash."""
        for task in self._parts:
            if task.is_task and restarted.name in task.needs and self._ready[task.name].is_set():
                await self._start(task)

    async def _stop_all(self, hurry: asyncio.Event) -> None:
        """In reverse order of the start; a second signal cuts the waiting short."""
        for part in reversed(self._parts):
            process = self._running.get(part.name)
            if process is None:
                continue
            stopping = asyncio.create_task(process.stop(STOP_LIMIT))
            hurried = asyncio.create_task(hurry.wait())
            await asyncio.wait({stopping, hurried}, return_when=asyncio.FIRST_COMPLETED)
            if hurry.is_set():
                process.kill()
            await stopping
            await _cancelled([hurried])


def _again(pause: float) -> str:
    return f"restarting it in {pause} s"


def _start_failure(process: Process, code: int) -> PartFailed | PortTaken:
    part = process.part
    text = f"{part.name} ended before it was ready: {reason(code)}\n{process.log.tail()}"
    taken = [port for port in part.ports if not is_free(port)]
    if taken:
        return PortTaken(f"{text}\nport {taken[0]} was taken by another program meanwhile")
    return PartFailed(text)


async def _first_of(keepers: set[asyncio.Task[Any]], *goals: asyncio.Task[Any]) -> None:
    """Wait for any of the goals; a keeper that fails meanwhile raises its error here."""
    waiting = {*keepers, *goals}
    while not any(goal.done() for goal in goals):
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


async def _cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

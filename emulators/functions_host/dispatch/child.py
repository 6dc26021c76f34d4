"""One worker process as the host holds it: started, spoken to, and buried.

Invariant: every invocation that was handed to the process is answered exactly once, by its result
or, when the process ends first, by a failure that says so.
"""

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulators.functions_host.explain import exit_reason
from emulators.functions_host.model import Metadata, Outcome, Typed
from emulators.functions_host.worker import wire

_PACKAGE_ROOT = Path(__file__).resolve().parents[3]
_STOP_SECONDS = 2.0


type RetryState = tuple[int, int, str, str]
"""Retries so far, the most there will be, and the message and traceback of the failure before."""


@dataclass(slots=True)
class Call:
    """One invocation, as a worker is told of it."""

    id: str
    function_id: str
    function_name: str
    inputs: list[tuple[str, Typed]]
    metadata: Metadata
    trace_parent: str
    retry: RetryState = (0, 0, "", "")


@dataclass(slots=True)
class _Pending:
    call: Call
    answer: asyncio.Future[Outcome]
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Indexed:
    """What a worker found in the app: its functions, or why there are none.

    `crashed` means that no worker could even say so; `seconds` is what indexing took.
    """

    functions: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""
    stack: str = ""
    crashed: bool = False
    seconds: float = 0.0


class Child:
    """A worker process. `ended` is called once, when it is gone; `on_said` with each remark."""

    def __init__(
        self, number: int, on_said: Callable[[wire.Message], None], ended: Callable[["Child"], None]
    ) -> None:
        self.number = number
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.indexed: asyncio.Future[Indexed] = asyncio.get_running_loop().create_future()
        self.retired = False
        self._pending: dict[str, _Pending] = {}
        self._on_said = on_said
        self._killed_for = ""
        self._on_ended = ended
        self._channel: wire.Channel
        self._process: asyncio.subprocess.Process
        self._lifeline = -1
        self._watcher: asyncio.Task[None]

    @property
    def pid(self) -> int:
        """The process id, for messages."""
        return self._process.pid

    @property
    def idle(self) -> bool:
        """Whether nothing runs in it."""
        return not self._pending

    async def start(self, app: Path, environment: dict[str, str], *, strict: bool) -> None:
        """Start the process and connect to it; `indexed` tells later what it found."""
        ours, theirs = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        _, self._channel = await loop.create_connection(
            lambda: wire.Channel(self._received, lambda: None), sock=ours
        )
        command = [sys.executable, "-m", "emulators.functions_host.worker"]
        self._process = await asyncio.create_subprocess_exec(
            *command,
            *(str(theirs.fileno()), str(lifeline), str(app), "strict" if strict else "plain"),
            pass_fds=(theirs.fileno(), lifeline),
            stdin=asyncio.subprocess.DEVNULL,
            env={**environment, "PYTHONPATH": _python_path(environment)},
            # Ctrl-C in a terminal is for the host, which then stops its workers in order.
            start_new_session=True,
        )
        theirs.close()
        os.close(lifeline)
        self._watcher = loop.create_task(self._watch())

    def run(self, call: Call) -> asyncio.Future[Outcome]:
        """Hand an invocation to the process."""
        pending = _Pending(call, asyncio.get_running_loop().create_future())
        self._channel.send(
            wire.INVOKE,
            *(call.id, call.function_id, call.inputs, call.metadata, call.trace_parent, call.retry),
        )
        self._pending[call.id] = pending
        return pending.answer

    def overdue(self, timeout: float) -> list[Call]:
        """Return the invocations that have run longer than the time-out, oldest first."""
        latest = time.monotonic() - timeout
        calls = []
        for pending in self._pending.values():
            if pending.began > latest:
                break
            calls.append(pending.call)
        return calls

    def fail(self, invocation: str, error: str) -> None:
        """Answer one invocation with a failure; what the process says later is ignored."""
        self._answer(invocation, Outcome(ok=False, error=error))

    def kill(self, why: str = "") -> None:
        """End the process at once."""
        self._killed_for = self._killed_for or why
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def stop(self) -> None:
        """Ask the process to end, and make it if it does not."""
        self.retired = True
        self._channel.close()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await asyncio.shield(self._watcher)
        except TimeoutError:
            self.kill()
            await self._watcher

    async def _watch(self) -> None:
        """The end of the process is the truth; a closed socket may outlive it in a grandchild."""
        code = await self._process.wait()
        self._channel.close()
        os.close(self._lifeline)
        reason = (
            f"worker {self.number} (pid {self.pid}) ended: {self._killed_for or exit_reason(code)}"
        )
        if not self.started.done():
            self.started.cancel()
        if not self.indexed.done():
            self.indexed.set_result(Indexed(error=reason, crashed=True))
        for invocation in list(self._pending):
            self.fail(invocation, f"the {reason}")
        self._on_ended(self)

    def _received(self, message: wire.Message) -> None:
        tag = message[0]
        if tag == wire.RESULT:
            _, invocation, ok, returned, outputs, error, stack = message
            self._answer(invocation, Outcome(ok, returned, outputs, error, stack))
        elif tag in {wire.LOG, wire.BLOCKED}:
            self._on_said(message)
        elif tag == wire.STARTED:
            self.started.set_result(None)
        elif not self.indexed.done():
            self.indexed.set_result(_found(message))

    def _answer(self, invocation: str, outcome: Outcome) -> None:
        pending = self._pending.pop(invocation, None)
        if pending is not None and not pending.answer.done():
            pending.answer.set_result(outcome)


def _found(message: wire.Message) -> Indexed:
    if message[0] == wire.READY:
        return Indexed(list(message[1]), seconds=message[2])
    return Indexed(error=message[1], stack=message[2])


def _python_path(environment: dict[str, str]) -> str:
    """Let the worker find this package from the app's directory; it then forgets the way."""
    rest = environment.get("PYTHONPATH")
    return f"{_PACKAGE_ROOT}{os.pathsep}{rest}" if rest else str(_PACKAGE_ROOT)

"""One invocation from its trigger's value to its outcome: inputs, worker, outputs, retries, console.

Invariant: inputs are read before the function starts, and a failing one keeps it from starting.
Outputs are written only after the function succeeded, all of them before the trigger hears of it, and
a failing output makes the invocation a failed one.
"""

import asyncio
import random
from dataclasses import dataclass, field

from emulators.functions_host import explain, fidelity
from emulators.functions_host.bindings.base import Input, Output
from emulators.functions_host.console import Console
from emulators.functions_host.dispatch.child import Call, RetryState
from emulators.functions_host.dispatch.pool import Pool
from emulators.functions_host.dispatch.retry import RetryPolicy
from emulators.functions_host.model import (
    Function,
    InputError,
    InvocationError,
    Outcome,
    TriggerInput,
    Typed,
)

_RETURN = "$return"
_NO_RETRY: RetryState = (0, 0, "", "")
_TRACE_PARENT_LENGTH = 55


@dataclass(frozen=True, slots=True)
class Bindings:
    """A function's bindings besides its trigger, by the names of their parameters."""

    inputs: dict[str, Input] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)


class Invoker:
    """Runs one function, again and again."""

    def __init__(
        self, function: Function, bindings: Bindings, pool: Pool, console: Console
    ) -> None:
        self._function = function
        self._trigger_name = function.trigger.name if function.trigger else ""
        self._inputs = bindings.inputs
        self._outputs = bindings.outputs
        self._pool = pool
        self._console = console
        self._retry = RetryPolicy.of(function.retry)

    async def __call__(self, value: TriggerInput) -> Outcome:
        """Run the function on a trigger's value, with retries if it has a policy."""
        if self._retry is None:
            return await self._attempt(value, _NO_RETRY)
        retries, outcome = 0, Outcome(ok=True)
        while True:
            before = (retries, self._retry.most, outcome.error, outcome.stack)
            outcome = await self._attempt(value, before)
            if outcome.ok or not self._retry.again(retries):
                return outcome
            retries += 1
            await asyncio.sleep(self._retry.delay(retries))

    async def _attempt(self, value: TriggerInput, retry: RetryState) -> Outcome:
        invocation = _new_id()
        self._console.begin(invocation, self._function.name)
        try:
            outcome = await self._run(invocation, value, retry)
        except InvocationError as error:
            outcome = Outcome(ok=False, error=str(error))
        self._report(invocation, outcome)
        return outcome

    async def _run(self, invocation: str, value: TriggerInput, retry: RetryState) -> Outcome:
        call = Call(
            id=invocation,
            function_id=self._function.id,
            function_name=self._function.name,
            inputs=[(self._trigger_name, value.value), *await self._read(value)],
            metadata=value.metadata,
            trace_parent=_trace_parent(value.trace_parent),
            retry=retry,
        )
        outcome = await self._pool.run(call)
        return await self._flush(outcome, value) if outcome.ok and self._outputs else outcome

    async def _read(self, value: TriggerInput) -> list[tuple[str, Typed]]:
        """Read every input, all at once."""
        if not self._inputs:
            return []
        read = await asyncio.gather(
            *(_read(name, item, value) for name, item in self._inputs.items())
        )
        return list(zip(self._inputs, read, strict=True))

    async def _flush(self, outcome: Outcome, trigger: TriggerInput) -> Outcome:
        """Write every output that has a value, all at once; the first failure is the outcome."""
        values = {
            **fidelity.outputs_in_return(outcome.return_value, set(self._outputs)),
            **outcome.outputs,
        }
        if outcome.return_value is not None:
            values[_RETURN] = outcome.return_value
        written = await asyncio.gather(
            *(
                _write(name, output, values[name], trigger)
                for name, output in self._outputs.items()
                if values.get(name) is not None
            )
        )
        failures = [error for error in written if error]
        return Outcome(ok=False, error="; ".join(failures)) if failures else outcome

    def _report(self, invocation: str, outcome: Outcome) -> None:
        if outcome.ok:
            self._console.end(invocation, _success(outcome), ok=True)
        else:
            details = f"Exception: {outcome.error}\n{explain.trim(outcome.stack)}".rstrip()
            self._console.end(invocation, "failed", details, ok=False)


async def _read(name: str, item: Input, trigger: TriggerInput) -> Typed:
    try:
        return await item.read(trigger)
    except InvocationError as error:
        raise InputError(f"input {name!r}: {error}") from error


async def _write(name: str, output: Output, value: Typed, trigger: TriggerInput) -> str:
    try:
        await output.write(value, trigger)
    except InvocationError as error:
        return f"output {name!r}: {error}"
    return ""


def _success(outcome: Outcome) -> str:
    returned = outcome.return_value
    return str(returned[1]["status"]) if returned and returned[0] == "http" else "succeeded"


def _new_id() -> str:
    """Make a version 4 UUID; it is no secret, and uuid4() asks the kernel for each one."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def _trace_parent(given: str | None) -> str:
    """Continue the caller's trace with a span of our own, or begin one."""
    span = random.getrandbits(64)
    if given is not None and len(given) == _TRACE_PARENT_LENGTH:
        return f"{given[:36]}{span:016x}{given[52:]}"
    return f"00-{random.getrandbits(128):032x}-{span:016x}-00"

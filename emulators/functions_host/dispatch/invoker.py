"""One invocation from its trigger's value to its outcome: worker, retries, outputs, console line.

Invariant: outputs are written only after the function succeeded, all of them before the trigger
hears of it, and a failing output makes the invocation a failed one.
"""

import asyncio
import random

from emulators.functions_host import explain, fidelity
from emulators.functions_host.bindings.base import Output
from emulators.functions_host.console import Console
from emulators.functions_host.dispatch.child import Call
from emulators.functions_host.dispatch.pool import Pool
from emulators.functions_host.dispatch.retry import RetryPolicy
from emulators.functions_host.model import Function, Outcome, OutputError, TriggerInput, Typed

_RETURN = "$return"
_NO_RETRY = (0, 0)
_TRACE_PARENT_LENGTH = 55


class Invoker:
    """Runs one function, again and again."""

    def __init__(
        self, function: Function, outputs: dict[str, Output], pool: Pool, console: Console
    ) -> None:
        self._function = function
        self._trigger_name = function.trigger.name if function.trigger else ""
        self._outputs = outputs
        self._pool = pool
        self._console = console
        self._retry = RetryPolicy.of(function.retry)

    async def __call__(self, value: TriggerInput) -> Outcome:
        """Run the function on a trigger's value, with retries if it has a policy."""
        if self._retry is None:
            return await self._attempt(value, _NO_RETRY)
        retries = 0
        while True:
            outcome = await self._attempt(value, (retries, self._retry.most))
            if outcome.ok or not self._retry.again(retries):
                return outcome
            retries += 1
            await asyncio.sleep(self._retry.delay(retries))

    async def _attempt(self, value: TriggerInput, retry: tuple[int, int]) -> Outcome:
        invocation = _new_id()
        self._console.begin(invocation, self._function.name)
        call = Call(
            id=invocation,
            function_id=self._function.id,
            function_name=self._function.name,
            inputs=[(self._trigger_name, value.value)],
            metadata=value.metadata,
            trace_parent=_trace_parent(value.trace_parent),
            retry=retry,
        )
        outcome = await self._pool.run(call)
        if outcome.ok and self._outputs:
            outcome = await self._flush(outcome)
        self._report(invocation, outcome)
        return outcome

    async def _flush(self, outcome: Outcome) -> Outcome:
        """Write every output that has a value, all at once; the first failure is the outcome."""
        values = {
            **fidelity.outputs_in_return(outcome.return_value, set(self._outputs)),
            **outcome.outputs,
        }
        if outcome.return_value is not None:
            values[_RETURN] = outcome.return_value
        written = await asyncio.gather(
            *(
                _write(name, output, values[name])
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


async def _write(name: str, output: Output, value: Typed) -> str:
    try:
        await output.write(value)
    except OutputError as error:
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

"""Strict mode's eye on outputs: tells when what arrives will not be what the function gave.

Invariant: it looks and hands on; the value is written as without it.
"""

from dataclasses import dataclass

from emulators.functions_host.bindings.base import Output
from emulators.functions_host.fidelity import looks_like_json
from emulators.functions_host.model import Binding, Function, TriggerInput, Typed
from emulators.functions_host.strict import Strict, Trap

_PARSED_BY_HOST = {"queue", "servicebus", "eventhub"}


@dataclass(frozen=True, slots=True)
class _Watched:
    output: Output
    function: str
    name: str
    strict: Strict

    async def write(self, value: Typed, trigger: TriggerInput) -> None:
        """Tell of what the host makes of the value, then write it."""
        kind, content = value
        if kind == "string" and looks_like_json(content):
            array = content.lstrip().startswith("[")
            trap = Trap.SPLIT if array else Trap.REWRITTEN
            what = "array" if array else "object"
            self.strict.note(trap, self.function, f"gave the output {self.name!r} a JSON {what}")
        await self.output.write(value, trigger)


def watched(output: Output, function: Function, binding: Binding, strict: Strict | None) -> Output:
    """Return the output, watched if strict mode is on and the host parses text for this type."""
    if strict is None or not strict.enabled or binding.type.lower() not in _PARSED_BY_HOST:
        return output
    return _Watched(output, function.name, binding.name, strict)

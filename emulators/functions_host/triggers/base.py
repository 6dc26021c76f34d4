"""What a trigger is to the rest of the host.

Invariant: a trigger that cannot work says so when it is made (`BindingError`), so that only its own
function is in error; after `stop` it starts no further invocation.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from emulators.functions_host.model import Binding, BindingError, Function, Outcome, TriggerInput

type Run = Callable[[TriggerInput], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a trigger is made from: its function, its binding, and how to run the function."""

    function: Function
    binding: Binding
    run: Run


class Trigger(Protocol):
    """Makes a function run."""

    def describe(self) -> str:
        """Say in a few words what makes the function run."""

    async def start(self) -> None:
        """Begin to listen."""

    async def stop(self) -> None:
        """Stop listening; what runs already may end."""

    async def manual(self, text: str) -> TriggerInput | None:
        """Return the input of a run by hand, or None when this trigger has no such thing.

        Raises:
            InvocationError: if the text is not what this trigger can run on.
        """


def typed_text(binding: Binding, text: str | bytes) -> tuple[str, str | bytes]:
    """Return a payload in the type that the binding asks for: `dataType` binary, else a string."""
    if (binding.text("dataType") or "").lower() == "binary":
        return "bytes", text.encode() if isinstance(text, str) else text
    return "string", text if isinstance(text, str) else text.decode(errors="replace")


def required(binding: Binding, key: str) -> str:
    """Return a setting that the binding must have.

    Raises:
        BindingError: if it is absent.
    """
    if (value := binding.text(key)) is None:
        raise BindingError(f"the {binding.type} binding {binding.name!r} needs {key!r}")
    return value

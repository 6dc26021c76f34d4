"""What input and output bindings are to the rest of the host.

Invariant: a binding that cannot work says so when it is made, not when it is first used. Both get
what triggered the invocation, because that is what their expressions refer to.
"""

from typing import Protocol

from emulators.functions_host.model import TriggerInput, Typed


class Input(Protocol):
    """Where one input parameter's value comes from."""

    async def read(self, trigger: TriggerInput) -> Typed:
        """Return the value; the kind `none` when there is nothing to read.

        Raises:
            InvocationError: if it cannot be read.
        """


class Output(Protocol):
    """Where one output parameter's values go."""

    async def write(self, value: Typed, trigger: TriggerInput) -> None:
        """Write a value.

        Raises:
            InvocationError: if it cannot be written.
        """

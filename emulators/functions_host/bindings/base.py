"""What an output binding is to the rest of the host.

Invariant: a binding that cannot work says so when it is made, not when it is first used.
"""

from typing import Protocol

from emulators.functions_host.model import Typed


class Output(Protocol):
    """Where one output parameter's values go."""

    async def write(self, value: Typed) -> None:
        """Write a value.

        Raises:
            OutputError: if it cannot be written.
        """

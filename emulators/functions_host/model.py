"""The words that every part of the host shares: functions, bindings, values and outcomes.

Invariant: nothing here does input or output, and nothing here knows a particular trigger.
"""

from dataclasses import dataclass, field
from typing import Any

type Typed = tuple[str, Any]
"""A value on its way to or from Python: its kind (`string`, `bytes`, `json`, `http`, …) and it.

The kind `none` is a null: the parameter is there, and is None.
"""

type Metadata = dict[str, Typed]


class BindingError(Exception):
    """One function's binding cannot work; the message is shown to the developer as it is."""


class InvocationError(Exception):
    """What fails an invocation in the host, before or after the function itself ran."""


class ExpressionError(InvocationError):
    """A binding expression such as `{name}` has no value in this invocation."""


class InputError(InvocationError):
    """A value could not be read for an input."""


class OutputError(InvocationError):
    """A value could not be written to an output."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One binding as the worker indexed it, with its own settings under `raw`."""

    name: str
    type: str
    direction: str
    raw: dict[str, Any]

    @property
    def is_trigger(self) -> bool:
        """Whether this is what makes the function run."""
        return self.type.lower().endswith("trigger")

    @property
    def is_output(self) -> bool:
        """Whether a value flows out of the function here."""
        return self.direction.lower() == "out"

    def text(self, key: str) -> str | None:
        """Return a setting of the binding as text, or None when it is absent or empty."""
        value = self.raw.get(key)
        return None if value in (None, "") else str(value)


@dataclass(slots=True)
class Function:
    """One indexed function; `error` says why it cannot run, when it cannot."""

    name: str
    id: str
    bindings: list[Binding]
    retry: dict[str, Any] | None = None
    error: str | None = None

    @property
    def trigger(self) -> Binding | None:
        """The one trigger binding, or None when there is not exactly one."""
        triggers = [binding for binding in self.bindings if binding.is_trigger]
        return triggers[0] if len(triggers) == 1 else None

    @property
    def inputs(self) -> list[Binding]:
        """The bindings that carry values in, besides the trigger."""
        return [item for item in self.bindings if not (item.is_trigger or item.is_output)]

    @property
    def outputs(self) -> list[Binding]:
        """The bindings that carry values out."""
        return [binding for binding in self.bindings if binding.is_output]


@dataclass(slots=True)
class TriggerInput:
    """What a trigger hands to one invocation."""

    value: Typed
    metadata: Metadata = field(default_factory=dict)
    trace_parent: str | None = None


@dataclass(slots=True)
class Outcome:
    """How an invocation ended, as a worker told it or as the host decided."""

    ok: bool
    return_value: Typed | None = None
    outputs: dict[str, Typed] = field(default_factory=dict)
    error: str = ""
    stack: str = ""

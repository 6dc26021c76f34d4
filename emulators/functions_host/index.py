"""From what a worker indexed to functions that run: validation, and one error per function.

Invariant: what is wrong with one function puts that function in error, and no other.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from emulators.functions_host.bindings.registry import ANSWERED_BY_TRIGGER, INPUTS, OUTPUTS
from emulators.functions_host.dispatch.invoker import Bindings, Invoker
from emulators.functions_host.dispatch.pool import Pool
from emulators.functions_host.http.admin import Loaded
from emulators.functions_host.model import Binding, BindingError, Function
from emulators.functions_host.services import Services
from emulators.functions_host.strict_outputs import watched
from emulators.functions_host.triggers.base import Wiring
from emulators.functions_host.triggers.registry import TRIGGERS

_FUNCTION_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,127}", re.IGNORECASE)
_BINDING_NAME = re.compile(r"(?!.*__)([a-zA-Z_][a-zA-Z0-9_]{0,127})|\$return")


class UnknownTypeError(BindingError):
    """A binding is of a type that this host does not know."""


def read(described: Iterable[dict[str, Any]]) -> list[Function]:
    """Read the functions that a worker described, in the order in which the host tries them."""
    functions = [
        Function(
            name=item["name"],
            id=item["id"],
            bindings=[
                Binding(
                    name=str(raw.get("name", "")),
                    type=str(raw.get("type", "")),
                    direction=str(raw.get("direction", "in")),
                    raw=raw,
                )
                for raw in item["bindings"]
            ],
            retry=item["retry"],
        )
        for item in described
    ]
    return sorted(functions, key=lambda function: function.name.lower())


def load(function: Function, services: Services, pool: Pool) -> Loaded:
    """Make a function's trigger and bindings; what cannot be made stands in `function.error`.

    A function whose trigger is of a type that this host does not know can still be run by hand.
    """
    invoker = None
    try:
        _validate(function)
        binding = _trigger(function)
        invoker = Invoker(function, _bindings(function, services), pool, services.console)
        make = _maker(TRIGGERS, binding, "trigger")
        trigger = make(Wiring(function, binding, invoker), services)
    except UnknownTypeError as error:
        function.error = str(error)
        return Loaded(function, run=invoker)
    except BindingError as error:
        function.error = str(error)
        return Loaded(function)
    return Loaded(function, trigger, invoker)


def _validate(function: Function) -> None:
    if _FUNCTION_NAME.fullmatch(function.name) is None or function.name.lower() == "host":
        raise BindingError(f"{function.name!r} is not a valid function name")
    names = [binding.name.lower() for binding in function.bindings]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise BindingError(f"two bindings have the name {doubled.pop()!r}")
    for binding in function.bindings:
        if _BINDING_NAME.fullmatch(binding.name) is None:
            raise BindingError(f"{binding.name!r} is not a valid binding name")
        if _is_sdk_type(binding):
            raise BindingError(
                f"the parameter {binding.name!r} has an SDK type (azurefunctions-extensions-bindings), "
                "which this host does not support; take func.InputStream, str or bytes instead"
            )


def _is_sdk_type(binding: Binding) -> bool:
    properties = binding.raw.get("properties")
    folded = (
        {str(k).lower(): v for k, v in properties.items()} if isinstance(properties, dict) else {}
    )
    return str(folded.get("supportsdeferredbinding", "")).lower() == "true"


def _trigger(function: Function) -> Binding:
    trigger = function.trigger
    if trigger is None:
        raise BindingError("a function needs exactly one trigger")
    return trigger


def _bindings(function: Function, services: Services) -> Bindings:
    made = Bindings()
    for binding in function.inputs:
        made.inputs[binding.name] = _maker(INPUTS, binding, "input binding")(binding, services)
    for binding in function.outputs:
        if binding.type.lower() not in ANSWERED_BY_TRIGGER:
            output = _maker(OUTPUTS, binding, "output")(binding, services)
            made.outputs[binding.name] = watched(output, function, binding, services.strict)
    return made


def _maker[Made](makers: Mapping[str, Made], binding: Binding, what: str) -> Made:
    if (found := makers.get(binding.type.lower())) is None:
        known = ", ".join(sorted(makers))
        raise UnknownTypeError(f"this host has no {what} of type {binding.type!r}, only {known}")
    return found

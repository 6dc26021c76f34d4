"""Strict mode speaks once, with a reason, and only when it is on."""

from io import StringIO

import pytest

from emulators.functions_host.console import Console
from emulators.functions_host.model import Binding, Function, TriggerInput, Typed
from emulators.functions_host.strict import Strict, Trap
from emulators.functions_host.strict_outputs import watched


class Recorder:
    """An output that keeps what it is given."""

    def __init__(self) -> None:
        self.written: list[Typed] = []

    async def write(self, value: Typed, trigger: TriggerInput) -> None:
        del trigger
        self.written.append(value)


async def said(kind: str, value: Typed, *, enabled: bool = True) -> str:
    """What strict mode says of a value for an output."""
    stream = StringIO()
    console = Console(stream)
    recorder = Recorder()
    binding = Binding("out", kind, "out", {})
    strict = Strict(console, enabled=enabled)
    output = watched(recorder, Function("f", "id", [binding]), binding, strict)
    for _ in range(2):
        await output.write(value, TriggerInput(("string", "")))
    console.flush()
    assert recorder.written == [value, value]
    return stream.getvalue()


@pytest.mark.parametrize(("text", "trap"), [("[1, 2]", Trap.SPLIT), (' {"a": 1} ', Trap.REWRITTEN)])
async def test_text_that_the_host_parses_is_told_once(text: str, trap: Trap) -> None:
    told = await said("queue", ("string", text))
    assert told.count(trap.value) == 1
    assert "[strict] f: gave the output 'out'" in told


@pytest.mark.parametrize(
    ("kind", "value"),
    [("queue", ("bytes", b"[1]")), ("queue", ("string", "plain")), ("blob", ("string", "[1]"))],
)
async def test_what_arrives_as_it_was_given_is_not_told(kind: str, value: Typed) -> None:
    assert await said(kind, value) == ""


async def test_without_strict_mode_nothing_is_told() -> None:
    assert await said("queue", ("string", "[1]"), enabled=False) == ""


def test_each_trap_names_its_place_in_the_reference() -> None:
    assert all("(reference 4." in trap.value for trap in Trap)

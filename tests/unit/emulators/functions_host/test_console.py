"""What the developer reads, and the words for failures."""

import asyncio
from io import StringIO

import pytest

from emulators.functions_host import console as consoles
from emulators.functions_host import explain
from emulators.functions_host.console import Console
from emulators.functions_host.console_core_tools import CoreToolsConsole
from emulators.functions_host.dispatch import import_time
from emulators.functions_host.http.response import render_cookie


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: StringIO) -> list[str]:
    """The lines without their times."""
    return [line.split("Z] ", 1)[-1] for line in stream.getvalue().splitlines()]


async def test_an_invocations_logs_stand_under_its_line() -> None:
    stream = StringIO()
    console = Console(stream)
    console.begin("aaaaaaaa-1", "one")
    console.begin("bbbbbbbb-2", "two")
    console.log("aaaaaaaa-1", "INFO", "from one")
    console.log("bbbbbbbb-2", "WARNING", "from two\nsecond line")
    console.end("bbbbbbbb-2", "succeeded", ok=True)
    console.end("aaaaaaaa-1", "failed", "Exception: no", ok=False)
    console.flush()
    said = [line.rsplit(" ", 2)[0] if line.endswith(" ms") else line for line in lines(stream)]
    assert said == [
        "two bbbbbbbb succeeded",
        "    WARNING from two",
        "    second line",
        "one aaaaaaaa failed",
        "    INFO from one",
        "    Exception: no",
    ]


async def test_logs_of_a_slow_invocation_are_not_held_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consoles, "_HOLD_SECONDS", 0.0)
    stream = StringIO()
    console = Console(stream)
    console.begin("aaaaaaaa-1", "slow")
    console.log("aaaaaaaa-1", "INFO", "first")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    console.flush()
    console.log("aaaaaaaa-1", "INFO", "second")
    console.flush()
    assert lines(stream) == ["slow aaaaaaaa is running", "    INFO first", "    INFO second"]


async def test_a_log_after_its_invocation_says_that_azure_drops_it() -> None:
    stream = StringIO()
    console = Console(stream)
    console.log("gone", "INFO", "late")
    console.log(None, "INFO", "of no invocation")
    console.flush()
    assert lines(stream) == [
        "INFO late (logged after its invocation ended; Azure drops this)",
        "INFO of no invocation (logged outside an invocation; Azure drops this)",
    ]


async def test_colour_is_for_terminals_only() -> None:
    for stream, coloured in ((StringIO(), False), (Terminal(), True)):
        console = Console(stream)
        console.say("bad", "red")
        console.flush()
        assert ("\x1b[31m" in stream.getvalue()) is coloured


def test_a_traceback_loses_the_runtimes_frames_and_repetitions_only() -> None:
    part = (
        "Traceback (most recent call last):\n"
        '  File "/x/azure_functions_runtime/handle_event.py", line 1, in y\n'
        "    code\n"
        "    ~~~^\n"
        '  File "/app/function_app.py", line 2, in z\n'
        "    mine()\n"
        "ValueError: no"
    )
    chained = f"{part}\n\n{explain._CHAINED}\n\n{part}\n"
    assert explain.trim(chained) == (
        'Traceback (most recent call last):\n  File "/app/function_app.py", line 2, in z\n'
        "    mine()\nValueError: no"
    )


@pytest.mark.parametrize(
    ("code", "words"),
    [(None, "did not start"), (-9, "signal 9 (out of memory?)"), (-11, "signal 11"), (3, "code 3")],
)
def test_an_exit_code_is_put_into_words(code: int | None, words: str) -> None:
    assert words in explain.exit_reason(code)


def test_a_cookie_is_written_with_aspnets_attributes_in_its_order() -> None:
    cookie = {
        "name": "foo3",
        "value": "42",
        "expires": 1484229308,
        "max_age": 10000000.0,
        "domain": "example.com",
        "path": "/",
        "secure": True,
        "same_site": "lax",
        "http_only": True,
    }
    assert render_cookie(cookie) == (
        "foo3=42; expires=Thu, 12 Jan 2017 13:55:08 GMT; max-age=10000000; domain=example.com; "
        "path=/; secure; samesite=lax; httponly"
    )


async def test_no_color_takes_colour_from_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, coloured in (("1", False), ("", True)):
        monkeypatch.setenv("NO_COLOR", value)
        stream = Terminal()
        console = Console(stream)
        console.say("bad", "red")
        console.flush()
        assert ("\x1b[31m" in stream.getvalue()) is coloured


async def test_core_tools_lines_stand_in_the_order_of_events_and_late_logs_are_dropped() -> None:
    stream = StringIO()
    console = CoreToolsConsole(stream)
    console.begin("i1", "one")
    console.log("i1", "INFO", "hello")
    console.end("i1", "failed", "Exception: ValueError: no", ok=False)
    console.log("i1", "INFO", "late")
    said = lines(stream)
    assert said[:2] == ["Executing 'Functions.one' (Reason='', Id=i1)", "hello"]
    assert said[2].startswith("Executed 'Functions.one' (Failed, Id=i1, Duration=")
    assert said[3:] == ["System.Private.CoreLib: Result: Failure", "Exception: ValueError: no"]


def test_slow_imports_are_told_with_the_slowest_modules_first() -> None:
    report = "import time:       100 |     900200 |     json\nimport time:    900000 | 1 | pandas\n"
    modules = import_time.read(report)
    assert modules == [("pandas", 0.9), ("json", 0.0001)]
    told = explain.slow_import(1.2, 10.0, modules)
    assert "took 1.2 s" in told
    assert "0.90 s  pandas" in told

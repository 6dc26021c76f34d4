"""The rules of the house that no linter knows: sizes, where time and settings come from, error codes.

Every rule reads the source or the loaded classes, and names the place that breaks it.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from functions import SERVICES
from shared_code.errors import AtriumError

ROOT = Path(__file__).parents[2]
APP = ("function_app.py", "functions", "shared_code")
CODE = (*APP, "emulators", "bench")
MAX_FILE, MAX_TEST_FILE, MAX_FUNCTION = 400, 500, 50

NOW = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
}
ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv"}

# An exception to a tool's rule says why: after a dash for ruff, in a comment of its own for mypy.
SUPPRESSION = re.compile(r"#\s*(noqa|type:\s*ignore)", re.IGNORECASE)
EXPLAINED = re.compile(
    r"# noqa: [A-Z]+\d+(, ?[A-Z]+\d+)* - \S.+|# type: ignore\[[a-z-]+(, ?[a-z-]+)*\] {1,2}# \S.+"
)


def sources(*places: str) -> Iterator[Path]:
    for place in places:
        path = ROOT / place
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def at(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def dotted(node: ast.AST) -> str:
    """`a.b.c` for an attribute of names, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def uses(path: Path, names: set[str]) -> list[str]:
    """Where a module speaks one of the dotted names, or imports it by its last part."""
    found = []
    for node in ast.walk(tree(path)):
        spoken = {dotted(node)} if isinstance(node, ast.Attribute) else set()
        if isinstance(node, ast.ImportFrom):
            spoken = {f"{node.module}.{each.name}" for each in node.names}
        if spoken & names:
            found.append(at(path, getattr(node, "lineno", 0)))
    return found


def test_every_module_says_what_lives_in_it() -> None:
    silent = [at(path, 1) for path in sources(*CODE, "tests") if not ast.get_docstring(tree(path))]
    assert silent == []


def test_no_file_is_longer_than_one_can_hold_in_mind() -> None:
    limits = dict.fromkeys(sources(*CODE), MAX_FILE)
    limits |= dict.fromkeys(sources("tests"), MAX_TEST_FILE)
    lengths = {path: len(path.read_text().splitlines()) for path in limits}
    assert [at(path, lengths[path]) for path in limits if lengths[path] > limits[path]] == []


def test_no_function_is_longer_than_fifty_lines() -> None:
    long = [
        f"{at(path, node.lineno)} {node.name}"
        for path in sources(*CODE)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION
    ]
    assert long == []


def test_only_settings_reads_the_environment() -> None:
    places = set(sources(*APP)) - {ROOT / "shared_code/settings.py"}
    assert [use for path in sorted(places) for use in uses(path, ENVIRONMENT)] == []


def test_only_clock_and_ids_ask_what_time_it_is() -> None:
    places = set(sources(*APP)) - {ROOT / "shared_code/clock.py", ROOT / "shared_code/ids.py"}
    assert [use for path in sorted(places) for use in uses(path, NOW)] == []


def test_only_commands_print() -> None:
    for path in sources(*APP):
        calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
        prints = [at(path, node.lineno) for node in calls if dotted(node.func) == "print"]
        is_command = '__name__ == "__main__"' in path.read_text()
        assert is_command or prints == []


def test_each_exception_to_a_tool_gives_its_reason() -> None:
    unexplained = [
        f"{at(path, token.start[0])} {token.string}"
        for path in sources(*CODE, "tests")
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        if token.type == tokenize.COMMENT
        and SUPPRESSION.search(token.string)
        and not EXPLAINED.search(token.string)
    ]
    assert unexplained == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import os\nos.environ['A']", 1),
        ("from os import getenv", 1),
        ("import os\nos.getpid()", 0),
        ("from datetime import datetime\ndatetime.now()", 1),
        ("from time import time_ns", 1),
        ("import time\ntime.monotonic()", 0),
    ],
)
def test_the_rules_see_what_they_look_for(tmp_path: Path, source: str, found: int) -> None:
    path = ROOT / tmp_path.name
    tree_of_path = ast.parse(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "tree", lambda _path: tree_of_path)
        assert len(uses(path, ENVIRONMENT | NOW)) == found


def errors() -> list[type[AtriumError]]:
    """Every error class of the app; those that tests derive are not the app's."""
    for service in (*SERVICES, "system"):
        import_module(f"functions.{service}")
    found, waiting = [], [AtriumError]
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        if error.__module__.startswith(("functions.", "shared_code.")):
            found.append(error)
    return sorted(found, key=lambda each: (each.__module__, each.__name__))


def defines_code(error: type[AtriumError]) -> bool:
    return "code" in vars(error)


def documented() -> dict[str, int]:
    """The codes of docs/errors.md with their statuses."""
    rows = re.findall(
        r"^\| `(\w+)` \| (\d{3}) \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE
    )
    assert len({code for code, _ in rows}) == len(rows), "a code stands twice in docs/errors.md"
    return {code: int(status) for code, status in rows}


def test_a_code_has_one_meaning() -> None:
    meanings: dict[str, list[str]] = {}
    for error in filter(defines_code, errors()):
        meanings.setdefault(error.code, []).append(error.__name__)
    assert {code: names for code, names in meanings.items() if len(names) > 1} == {}


def test_an_error_without_a_code_of_its_own_answers_as_its_parent() -> None:
    for error in errors():
        if not defines_code(error):
            assert not {"status", "title"} & set(vars(error)), f"{error.__name__} needs a code"


def test_a_code_is_a_plain_word_that_urns_and_programs_can_carry() -> None:
    assert [
        each.code for each in errors() if not re.fullmatch(r"[a-z]+(_[a-z]+)*", each.code)
    ] == []


def test_every_code_is_documented_with_its_status_and_no_other_is() -> None:
    assert documented() == {error.code: error.status for error in errors()}

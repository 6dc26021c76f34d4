"""No query of a workspace's data is without the workspace: its tables are reached by partition only.

A service lists the tables that hold workspaces' data in `store/tables.py` as WORKSPACE_TABLES. The name of
such a table may stand in `Partition(SETTING, NAME, workspace_id)` and in what is listed here with its reason,
nowhere else in the service.
"""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = [each.parent.parent for each in sorted(ROOT.glob("functions/*/store/tables.py"))]

WITHOUT = {
    # What waits to be told is found by the partition that the ledger names.
    ("functions/auth/store/outboxes.py", "table_of"),
    # Makes the tables; reads and writes nothing.
    ("functions/auth/store/__init__.py", "provision"),
    ("functions/files/store/__init__.py", "provision"),
    # Asks whether the table answers; what is in it is not looked at.
    ("functions/files/store/__init__.py", "reach"),
    # As auth's: the ledger names the partition.
    ("functions/files/store/outboxes.py", "table_of"),
    # The sweep of rows without bytes looks at the versions of all drives; it returns nothing to any user.
    ("functions/files/store/scan.py", "versions_after"),
}
_OF_A_WORKSPACE = {"workspace_id", "key"}


def scoped_tables(service: Path) -> set[str]:
    """The names of the constants that name tables of workspaces."""
    tables = import_module(f"functions.{service.name}.store.tables")
    named = set(getattr(tables, "WORKSPACE_TABLES", ()))
    return {name for name, value in vars(tables).items() if name.isupper() and value in named}


def violations(source: str, path: str, tables: set[str]) -> Iterator[str]:
    """The places where such a table is used without a workspace."""
    tree = ast.parse(source)
    allowed = {id(name) for call in ast.walk(tree) for name in _allowed_by(call)}
    for statement in tree.body:
        name = getattr(statement, "name", "")
        if (path, name) in WITHOUT or isinstance(statement, ast.ImportFrom | ast.Assign):
            continue
        for node in ast.walk(statement):
            spoken = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
            if spoken in tables and id(node) not in allowed:
                yield f"{path}:{getattr(node, 'lineno', 0)} {spoken}"


def _allowed_by(node: ast.AST) -> Iterator[ast.AST]:
    """The table's name in `Partition(setting, table, workspace_id)`."""
    if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Partition"):
        return
    _, table, key = [*node.args, None, None, None][:3]
    named = key.id if isinstance(key, ast.Name) else getattr(key, "attr", "")
    if table is not None and named in _OF_A_WORKSPACE:
        yield table


@pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.name)
def test_tables_of_workspaces_are_reached_by_the_workspace(service: Path) -> None:
    tables = scoped_tables(service)
    found = [
        each
        for path in sorted(service.rglob("*.py"))
        if path.name != "tables.py"
        for each in violations(path.read_text(), path.relative_to(ROOT).as_posix(), tables)
    ]
    assert found == []


@pytest.mark.parametrize(("service", "table"), [("auth", "WORKSPACES"), ("files", "DRIVES")])
def test_services_with_workspaces_data_have_such_a_table(service: str, table: str) -> None:
    assert scoped_tables(ROOT / "functions" / service) == {table}


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("def f(workspace_id): return Partition(SETTING, WORKSPACES, workspace_id)", 0),
        ("def f(a): return Partition(SETTING, WORKSPACES, a.workspace_id)", 0),
        ("def f(user_id): return Partition(SETTING, WORKSPACES, user_id)", 1),
        ("def f(): return Partition(SETTING, WORKSPACES, 'x')", 1),
        ("def f(): return table(SETTING, WORKSPACES)", 1),
        ("def f(): return table(SETTING, tables.WORKSPACES).query_entities('')", 1),
        ("def f(): return table(SETTING, USERS)", 0),
        ("T = WORKSPACES\ndef f(): return 1", 0),
    ],
)
def test_the_rule_sees_what_it_looks_for(source: str, count: int) -> None:
    assert len(list(violations(source, "functions/x/store.py", {"WORKSPACES"}))) == count

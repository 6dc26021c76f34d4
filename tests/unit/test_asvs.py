"""docs/asvs.md is true: each item has a status, what is met names tests that exist, the counts are right.

Also what that page says in prose (times, keys, data), and the items that no other test proves. Nothing here
looks at the ASVS itself: ITEMS says how many items of levels 1 and 2 each section has; they come first in it.
V5 is there with those of level 3.
"""

import ast
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from functions.auth import policy
from functions.auth.commands.changing import entry
from functions.auth.models import AuditEntry
from functions.auth.store import tables
from functions.files.models import AccessEntry
from functions.files.store import tables as tables_of_files
from shared_code.actor import STEP_UP_MINUTES, Recent
from shared_code.clock import utcnow
from shared_code.endpoint import ROUTES, Client
from shared_code.records import Stored

ROOT = Path(__file__).parents[2]
AUTH = ROOT / "functions" / "auth"
FILES = ROOT / "functions" / "files"
PAGE = (ROOT / "docs" / "asvs.md").read_text()
STATUSES = ("met", "not met", "not applicable")

ITEMS = {
    "2.2": 3, "2.3": 4, "2.4": 1, "3.3": 4, "3.5": 5,
    "5.1": 1, "5.2": 6, "5.3": 3, "5.4": 3,
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2,
    "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1, "9.1": 3, "9.2": 4,
    "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3,
    "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1,
    "12.1": 3, "12.2": 2, "12.3": 4, "14.1": 2, "14.2": 4, "14.3": 3,
    "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3,
}  # fmt: skip

CRYPTOGRAPHY = {
    "argon2", "cryptography", "hashlib", "hmac", "jwt", "pyotp", "secrets", "webauthn",
}  # fmt: skip
NO_SECRETS = {
    "functions/files/store/blobs.py",  # what a lease is called
    "shared_code/records.py",
    "shared_code/limits/counter.py",
    "shared_code/messaging/retry.py",
}


@dataclass(frozen=True)
class Row:
    """One item of the page."""

    item: str
    asks: str
    level: str
    status: str
    how: str
    tests: tuple[str, ...]


def _row(line: str) -> Row:
    item, asks, level, status, how, tests = (each.strip() for each in line.strip("|").split("|"))
    return Row(item, asks, level, status, how, tuple(re.findall(r"`([^`]+)`", tests)))


ROWS = [_row(line) for line in PAGE.splitlines() if re.match(r"\| \d+\.\d+\.\d+ \|", line)]
NAMED = sorted({test for row in ROWS for test in row.tests})


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    return re.split(r"^#+ ", PAGE.partition(f"## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


@cache
def functions_of(path: Path) -> set[str]:
    """The tests of a file: `test_name`, or `TestClass::test_name`."""
    body = ast.parse(path.read_text()).body
    classes = [each for each in body if isinstance(each, ast.ClassDef)]
    return _functions(body) | {f"{c.name}::{name}" for c in classes for name in _functions(c.body)}


def _functions(body: list[ast.stmt]) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {each.name for each in body if isinstance(each, kinds) and each.name.startswith("test_")}


def _exists(test: str) -> bool:
    path, _, name = test.partition("::")
    return (ROOT / path).is_file() and (not name or name in functions_of(ROOT / path))


def _module(name: str) -> Path:
    """A module of auth, named from there, or another one, named from the root."""
    return AUTH / name if (AUTH / name).is_file() else ROOT / name


def imports_of(path: Path) -> set[str]:
    """The packages that a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def modules_that_import(packages: set[str]) -> set[str]:
    """The modules of auth, files and shared_code that import one of these, named as `_module` has them."""
    return {
        path.relative_to(base).as_posix()
        for folder, base in ((AUTH, AUTH), (FILES, ROOT), (ROOT / "shared_code", ROOT))
        for path in folder.rglob("*.py")
        if imports_of(path) & packages
    }


def test_every_item_is_there_once_in_its_order() -> None:
    wanted = [f"{part}.{n}" for part, count in ITEMS.items() for n in range(1, count + 1)]
    assert [row.item for row in ROWS] == wanted


def test_every_item_has_a_level_a_status_and_what_that_needs() -> None:
    for row in ROWS:
        assert row.asks, row
        assert row.level in ({"1", "2", "3"} if row.item.startswith("5.") else {"1", "2"}), row
        assert row.status in STATUSES, row
        assert row.how, row


def test_what_is_met_names_a_test_and_what_is_not_says_what_is_needed() -> None:
    assert not [row.item for row in ROWS if row.status == "met" and not row.tests]
    needed = re.compile("Needed: |has yet to")
    assert not [row.item for row in ROWS if row.status == "not met" and not needed.search(row.how)]


def test_every_named_test_exists() -> None:
    missing = [each for each in NAMED if not _exists(each)]
    assert not missing, "\n".join(missing)


def test_every_named_module_exists() -> None:
    named = {name for row in ROWS for name in re.findall(r"`([\w/]+\.(?:py|html|js))`", row.how)}
    assert not [name for name in sorted(named) if not _module(name).is_file()]


def test_the_counts_are_true() -> None:
    counted = Counter(row.status for row in ROWS)
    assert ", ".join(f"{status}: {counted[status]}" for status in STATUSES) in PAGE


def test_what_is_written_down_is_what_the_code_does() -> None:
    """7.1.1, 7.1.2."""
    said = " ".join(section("Sessions").split())
    minutes = int(policy.ACCESS_TOKEN_LIFE.total_seconds()) // 60
    for fact in (
        f"after {policy.SESSION_IDLE_LIFE.days} days without use, and after {policy.SESSION_LIFE.days} days",
        f"at most {policy.MAX_SESSIONS};",
        f"Access tokens live {minutes} minutes, a proof counts as recent for {STEP_UP_MINUTES} minutes",
    ):
        assert fact in said
    assert f"{policy.ERASURE_GRACE.days} days after" in section("Data")


def test_each_way_in_is_written_down() -> None:
    """6.1.3, 6.3.4: a route that gives tokens to whoever is not signed in is a way in."""
    import_module("functions.auth.api")
    said = section("Ways in")
    ways = {
        route.path
        for route in ROUTES
        if route.path.startswith("auth/") and route.anonymous and "SignedIn" in str(route.answer)
    }
    assert {"auth/login", "auth/register", "auth/refresh"} <= ways
    assert not [path for path in sorted(ways) if f"`{path}`" not in said]


def test_each_module_that_uses_cryptography_is_listed() -> None:
    """11.1.2, 11.2.1, 11.4.1."""
    listed = set(re.findall(r"`([\w/]+\.py)`", section("Keys and algorithms")))
    used = modules_that_import(CRYPTOGRAPHY)
    assert not used - listed, "it is to be listed in docs/asvs.md"
    assert not [name for name in sorted(listed) if not _module(name).is_file()]
    weak = {name for name in used if re.search(r"\bmd5\b|\bsha1\(", _module(name).read_text())}
    assert weak == {"breaches.py"}


def test_secrets_come_from_the_systems_generator() -> None:
    """6.5.3, 11.5.1: `random` and `uuid` are for what may be guessed, such as pauses."""
    assert modules_that_import({"random", "uuid"}) == NO_SECRETS


def test_each_kind_of_row_and_each_table_is_classified() -> None:
    """14.1.1, 14.1.2."""
    rows: tuple[type, ...] = (AuditEntry, AccessEntry, *Stored.__subclasses__())
    ours = ("functions.auth.", "functions.files.")
    kinds = [each.__name__ for each in rows if each.__module__.startswith(ours)]
    values = [str(each) for each in (*vars(tables).values(), *vars(tables_of_files).values())]
    named = [each for each in values if re.fullmatch(r"auth[a-z]+|files-?[a-z]+", each)]
    assert {"AuditEntry", "Item", "authusers", "filesdrives", "files-content"} <= {*kinds, *named}
    assert not [each for each in (*kinds, *named) if f"`{each}`" not in section("Data")]


def test_what_could_take_an_account_over_wants_a_recent_proof() -> None:
    """7.5.1. Changing the password wants the current one instead."""
    import_module("functions.auth.api")
    recent = {f"{route.method} {route.path}" for route in ROUTES if route.access is Recent}
    assert recent >= {
        "DELETE auth/me",
        "GET auth/me/export",
        "POST auth/email/change",
        "POST auth/factors/totp",
        "DELETE auth/factors/totp",
        "POST auth/factors/recovery-codes",
        "POST auth/factors/passkeys/options",
        "DELETE auth/factors/passkeys/{passkey_id}",
    }


def test_the_page_masks_a_password_and_takes_what_is_pasted() -> None:
    """6.2.6, 6.2.7."""
    page, script = ((AUTH / "pages" / name).read_text() for name in ("link.html", "link.js"))
    fields = re.findall(r"<input [^>]*>", page)
    assert fields
    for field in fields:
        assert 'type="password"' in field
        assert 'autocomplete="new-password"' in field
    assert "paste" not in page + script
    assert ".type" not in script


def test_an_audit_entry_says_when_where_who_and_what() -> None:
    """16.2.1. Whose it is says the partition that it lies in."""
    client = Client(address="192.0.2.7", user_agent="Phone/1")
    made = entry("session.started", client, "ses_1", methods="password totp")
    assert abs((utcnow() - made.at).total_seconds()) < 5
    assert (made.address, made.user_agent, made.session_id) == ("192.0.2.7", "Phone/1", "ses_1")
    assert (made.type, made.details) == ("session.started", {"methods": "password totp"})

"""What would be deployed: everything in the checkout's top folder that .funcignore does not name."""

import subprocess
from fnmatch import fnmatch

from tests.harness.stack import REPOSITORY

DEPLOYED = {"function_app.py", "functions", "host.json", "requirements.txt", "shared_code"}
LOCAL = {".venv", ".local", ".git", "node_modules", "local.settings.json", ".mypy_cache"}


def _left(names: set[str]) -> set[str]:
    lines = (REPOSITORY / ".funcignore").read_text().splitlines()
    rules = [line.removeprefix("/") for line in lines if line and not line.startswith("#")]
    return {name for name in names if not any(fnmatch(name, rule) for rule in rules)}


def test_of_what_is_in_git_only_the_app_is_deployed() -> None:
    listing = subprocess.check_output(["git", "ls-files"], cwd=REPOSITORY, text=True)
    assert _left({path.split("/")[0] for path in listing.splitlines()}) == DEPLOYED


def test_nothing_that_only_this_machine_has_is_deployed() -> None:
    assert _left(LOCAL) == set()


def test_packages_that_a_build_has_put_beside_the_app_are_deployed() -> None:
    assert _left({".python_packages"}) == {".python_packages"}

"""scripts/setup.sh on machines that lack something, built from links in a temporary folder."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.stack import REPOSITORY

TOOLS = ("sh", "dirname", "cat", "cksum", "mkdir", "rm", "sleep", "date", "tail", "grep", "cut")
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt", ".python-version")

type Setup = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A checkout without anything set up, on a machine with nothing but a shell's tools."""
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    (tmp_path / "scripts").mkdir()
    shutil.copy(REPOSITORY / "scripts/setup.sh", tmp_path / "scripts")
    for name in (*REQUIREMENTS, "package.json", "package-lock.json"):
        shutil.copy(REPOSITORY / name, tmp_path)
    return tmp_path


@pytest.fixture
def setup(machine: Path) -> Setup:
    def run(**environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [machine / "scripts/setup.sh"],
            env={"PATH": str(machine / "bin"), "HOME": str(machine), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def _install(machine: Path, name: str, script: str) -> None:
    """Put a program there that does just this."""
    program = machine / "bin" / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def _install_node(machine: Path, major: int = 20) -> None:
    _install(machine, "node", f"echo {major}")
    _install(machine, "npm", "mkdir -p node_modules; echo npm was here")


def test_without_node_one_line_says_how_to_get_it(setup: Setup) -> None:
    result = setup()
    assert result.returncode == 1
    assert result.stderr.startswith("setup: Node is missing: get Node 20 or newer")
    assert result.stderr.count("\n") == 1


def test_an_old_node_is_not_enough(machine: Path, setup: Setup) -> None:
    _install_node(machine, 18)
    result = setup()
    assert result.returncode == 1
    assert "Node 18 is too old" in result.stderr


def test_without_npm_one_line_says_so(machine: Path, setup: Setup) -> None:
    _install_node(machine)
    (machine / "bin/npm").unlink()
    result = setup()
    assert result.returncode == 1
    assert "npm is missing" in result.stderr


def test_without_python_one_line_says_how_to_get_it(machine: Path, setup: Setup) -> None:
    _install_node(machine)
    # As pyenv's shims do where another version is chosen: there, but of no use.
    _install(machine, "python3.13", "echo 'command not found' >&2; exit 127")
    result = setup()
    assert result.returncode == 1
    assert result.stderr.startswith("setup: Python 3.13 is missing: get it from")
    assert result.stderr.count("\n") == 1


def test_a_given_python_that_does_not_do_is_named(machine: Path, setup: Setup) -> None:
    _install_node(machine)
    result = setup(PYTHON="/nowhere/python")
    assert result.returncode == 1
    assert "PYTHON=/nowhere/python is not a Python 3.13" in result.stderr


def _install_python(machine: Path, *, pip_fails: bool = False) -> None:
    """A Python whose virtual environments have a pip that only says what it was told."""
    pip = "echo no matching distribution; exit 1" if pip_fails else 'echo "$@" >>pip-calls'
    inner = f'#!/bin/sh\ncase $2 in pip) {pip};; *) exec {sys.executable} "$@";; esac\n'
    (machine / "inner").write_text(inner)
    _install(
        machine,
        "python3",
        f"case $2 in venv) mkdir -p .venv/bin; cat inner >.venv/bin/python; "
        f'chmod +x .venv/bin/python;; *) exec {sys.executable} "$@";; esac',
    )
    (machine / "bin/chmod").symlink_to(shutil.which("chmod") or "chmod")


def test_a_set_up_checkout_is_left_alone_until_its_requirements_change(
    machine: Path, setup: Setup
) -> None:
    _install_node(machine)
    _install_python(machine)
    first = setup()
    assert first.returncode == 0, first.stderr
    assert "Python packages from PyPI" in first.stdout
    assert "Azurite from npm" in first.stdout
    assert setup().stdout == ""
    with (machine / "requirements.txt").open("a") as file:
        file.write("another==1\n")
    again = setup()
    assert "Python packages from PyPI" in again.stdout
    assert "a virtual environment" not in again.stdout
    assert "Azurite from npm" not in again.stdout
    assert len((machine / "pip-calls").read_text().splitlines()) == 2


def test_a_failed_installation_shows_its_output_and_is_tried_again(
    machine: Path, setup: Setup
) -> None:
    _install_node(machine)
    _install_python(machine, pip_fails=True)
    for _ in range(2):
        result = setup()
        assert result.returncode == 1
        assert "no matching distribution" in result.stderr


def test_a_lock_whose_owner_is_dead_is_no_obstacle(machine: Path, setup: Setup) -> None:
    _install_node(machine)
    _install_python(machine)
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    (machine / ".local/setup.lock").mkdir(parents=True)
    (machine / ".local/setup.lock/pid").write_text(str(dead.pid))
    assert setup().returncode == 0

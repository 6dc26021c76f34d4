"""Where `make demo` and `make bench` find the stack, and what they say when there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.client import endpoints


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "endpoints.json"
    monkeypatch.setenv("ATRIUM_ENDPOINTS", str(path))
    return path


def test_a_running_stack_is_found(written: Path) -> None:
    here = {"functions": "http://localhost:7071", "pid": os.getpid()}
    written.write_text(json.dumps(here))
    assert endpoints() == here


def test_without_a_stack_one_is_told_to_start_it(written: Path) -> None:
    with pytest.raises(SystemExit, match="make run"):
        endpoints()
    assert not written.exists()


def test_what_a_killed_stack_left_behind_is_no_stack(written: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    written.write_text(json.dumps({"functions": "http://localhost:7071", "pid": gone.pid}))
    with pytest.raises(SystemExit, match="make run"):
        endpoints()

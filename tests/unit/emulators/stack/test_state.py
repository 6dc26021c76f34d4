"""One state directory belongs to one supervisor, and can be cleared only without one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from emulators.stack.errors import AlreadyRunning
from emulators.stack.state import State


def test_a_second_owner_is_refused_and_told_where_the_first_is(tmp_path: Path) -> None:
    state = State(tmp_path)
    with state.locked():
        state.publish({"functions": "http://localhost:7071"})
        words = rf"running already at http://localhost:7071 \(process {os.getpid()}\)"
        with pytest.raises(AlreadyRunning, match=words), State(tmp_path).locked():
            pass


def test_the_end_takes_the_endpoints_along(tmp_path: Path) -> None:
    state = State(tmp_path)
    with state.locked():
        state.publish({"functions": "http://localhost:7071"})
        assert state.read_endpoints()["pid"] == os.getpid()
    assert state.read_endpoints() == {}


def test_endpoints_of_a_dead_owner_are_not_believed(tmp_path: Path) -> None:
    State(tmp_path).publish({"functions": "http://localhost:7071"})
    with State(tmp_path).locked():
        assert not (tmp_path / "endpoints.json").exists()


def test_an_owner_that_left_only_its_watchdog_is_not_taken_for_alive(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    (tmp_path / "stack.lock").write_text(str(dead.pid))
    assert not State(tmp_path)._holder_lives()
    (tmp_path / "stack.lock").write_text(str(os.getpid()))
    assert State(tmp_path)._holder_lives()


def test_clearing_leaves_nothing_but_the_lock(tmp_path: Path) -> None:
    state = State(tmp_path)
    (state.logs / "deep").mkdir(parents=True)
    (state.logs / "part.log").touch()
    (tmp_path / "file").touch()
    state.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["stack.lock"]


def test_the_state_of_a_running_stack_is_not_cleared(tmp_path: Path) -> None:
    state = State(tmp_path)
    with state.locked():
        (tmp_path / "file").touch()
        with pytest.raises(AlreadyRunning):
            State(tmp_path).clear()
    assert (tmp_path / "file").exists()

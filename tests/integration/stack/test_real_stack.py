"""The whole stack as `make run` starts it, with Azurite, the emulators and the app."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from tests.harness.stack import REPOSITORY, Stack, published, running, stop, supervisor_command
from tests.harness.waiting import until


def _status(url: str, method: str = "GET") -> int:
    try:
        with urlopen(Request(url, method=method), timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code
    except (URLError, OSError):
        return 0


def _processes_of(state: Path) -> dict[int, str]:
    """The processes on this machine whose command line names the stack's directory."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has just ended
        if str(state) in line:
            found[int(process.name)] = line
    return found


def test_every_part_of_the_stack_answers(stack: Stack) -> None:
    assert _status(f"{stack.functions}/api/ready") == 200
    assert _status(f"{stack.web_pubsub}/api/health", "HEAD") == 200
    assert _status(stack.mail) == 200
    for url in (stack.blob, stack.queue, stack.table):
        assert url in stack.storage


def test_the_hosts_output_is_kept(stack: Stack) -> None:
    assert stack.log("functions_host")
    assert stack.log("azurite")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Stack]:
    """A stack that a test may break."""
    with running(tmp_path) as found:
        yield found


def test_a_killed_host_is_back_in_the_same_place(own: Stack) -> None:
    (host,) = [
        process
        for process, line in _processes_of(own.state).items()
        if f"emulators.functions_host --port {own.functions.rpartition(':')[2]}" in line
    ]
    os.kill(host, signal.SIGKILL)
    until(lambda: "restarting it" in (own.state / "supervisor.log").read_text(), "it is reported")
    until(lambda: _status(f"{own.functions}/api/ready") == 200, "the host is back", 60)


def test_nothing_of_a_killed_stack_is_left(tmp_path: Path) -> None:
    command = supervisor_command("--state", str(tmp_path), "--ports", "auto", "--memory")
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        until((tmp_path / "endpoints.json").exists, "the stack is ready", 100)
        stack = published(tmp_path / "endpoints.json")
        assert len(_processes_of(tmp_path)) > 2
        assert _status(stack.blob) != 0
        process.kill()
        until(lambda: not _processes_of(tmp_path), "all of its processes end", 30)
        assert _status(stack.blob) == 0
    finally:
        stop(process)


def test_the_settings_name_the_addresses_of_this_stack(stack: Stack) -> None:
    assert stack.settings["AUTH_ISSUER"] == stack.functions
    assert f"Endpoint={stack.web_pubsub};" in stack.settings["WebPubSubConnectionString"]
    assert stack.settings["MAIL_SMTP"] == stack.smtp

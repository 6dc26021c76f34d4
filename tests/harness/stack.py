"""A running stack for tests: started on free ports with its own state, or one that is there.

Invariant: a stack that a test run starts ends with it, also when the test run is killed: the
supervisor watches a pipe that only the test process holds.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.harness.waiting import until

REPOSITORY = Path(__file__).parents[2]
ENDPOINTS_VARIABLE = "ATRIUM_ENDPOINTS"
START_LIMIT = 100.0  # below the limit of a test, so that this one reports
STOP_LIMIT = 60.0
TAIL = 60


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Where everything of a stack is; a part that was not started has no address."""

    functions: str
    web_pubsub: str
    mail: str  # the page of its mail catcher
    smtp: str
    service_bus: str  # the connection string of its broker
    blob: str
    queue: str
    table: str
    pid: int
    state: Path
    settings: Mapping[str, str]  # the values of its local.settings.json

    @property
    def storage(self) -> str:
        """The connection string of its Azurite."""
        return self.settings["AzureWebJobsStorage"]

    @property
    def logs(self) -> Path:
        """The directory with a log for each part."""
        return self.state / "logs"

    def log(self, part: str) -> str:
        """All that a part has written so far."""
        path = self.logs / f"{part}.log"
        return path.read_text(errors="replace") if path.exists() else ""


@contextmanager
def running(state: Path, *arguments: str, memory: bool = True) -> Iterator[Stack]:
    """A stack of one's own in the directory, stopped at the end; `memory` keeps nothing on disk."""
    kept = ("--memory",) if memory else ()
    with (state / "supervisor.log").open("wb") as output:
        process = subprocess.Popen(
            supervisor_command("--state", str(state), "--ports", "auto", *kept, *arguments),
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(
            lambda: (state / "endpoints.json").exists() or process.poll() is not None,
            f"the stack in {state} is ready",
            START_LIMIT,
        )
        if process.poll() is not None:
            raise AssertionError(f"the stack did not start\n{tails(state)}")
        yield published(state / "endpoints.json")
    finally:
        stop(process)


def supervisor_command(*arguments: str) -> list[str]:
    """The command that starts a stack which ends with its standard input."""
    return [sys.executable, "-m", "emulators.stack", "--until-eof", *arguments]


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a supervisor by the end of its input; its watchdog sees to the rest if it hangs."""
    with process:
        if process.stdin:
            process.stdin.close()
        try:
            process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()


def published(endpoints: Path) -> Stack:
    """The stack that published this file."""
    found = json.loads(endpoints.read_text())
    state = endpoints.parent.resolve()
    beside = [state / "local.settings.json", state.parent / "local.settings.json"]
    settings = next((path for path in beside if path.exists()), None)
    values = json.loads(settings.read_text())["Values"] if settings else {}
    return Stack(
        service_bus=values.get("SERVICE_BUS", ""),
        **{name: found.get(name, "") for name in ("functions", "web_pubsub", "mail", "smtp")},
        **{name: found.get(name, "") for name in ("blob", "queue", "table")},
        pid=found["pid"],
        state=state,
        settings=values,
    )


@contextmanager
def given_or_running(state: Path) -> Iterator[Stack]:
    """The stack that the environment names, else one of our own."""
    if named := os.environ.get(ENDPOINTS_VARIABLE):
        yield published(Path(named))
    else:
        with running(state) as stack:
            yield stack


def tails(state: Path) -> str:
    """The end of every log of a stack."""
    logs = [state / "supervisor.log", *sorted((state / "logs").glob("*.log"))]
    return "\n".join(f"--- {path}\n{_tail(path)}" for path in logs if path.exists())


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-TAIL:])


@contextmanager
def with_settings(state: Path, *, memory: bool = True, **values: str) -> Iterator[Stack]:
    """A stack of one's own whose app has these settings besides the usual ones."""
    settings = {"IsEncrypted": False, "Values": values}
    (state / "local.settings.json").write_text(json.dumps(settings))
    with running(state, memory=memory) as stack:
        yield stack


def workers_of(stack: Stack) -> list[int]:
    """The worker processes of the stack's host, by the port in the host's command line."""
    port = f"--port {urlsplit(stack.functions).port} "
    return [
        pid
        for pid in _running("functions_host.worker")
        if port in f"{_command(_parent(str(pid)))} "
    ]


def process_of(stack: Stack, part: str) -> int:
    """The process of a part of the stack, which has its port in its command line."""
    address = stack.settings["SERVICE_BUS"] if part == "service_bus" else getattr(stack, part)
    port = re.search(r":(\d+)", address.partition("://")[2])
    assert port
    [found] = [
        pid
        for pid in _running(f"emulators.{part}")
        if f"--port {port[1]} " in f"{_command(str(pid))} " and ".worker" not in _command(str(pid))
    ]
    return found


def _running(words: str) -> list[int]:
    pids = [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [int(pid) for pid in pids if words in _command(pid)]


def _command(pid: str) -> str:
    try:
        return Path("/proc", pid, "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _parent(pid: str) -> str:
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[1]
    except OSError:
        return ""

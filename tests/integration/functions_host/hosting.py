"""Runs the host on a small app of a test's own, and calls it.

Invariant: a host that a test starts ends with the test, and its output is at hand when one fails.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from emulators.functions_host import keys
from tests.harness.waiting import until

REPOSITORY = Path(__file__).parents[3]
IMPORTS = "import azure.functions as func\napp = func.FunctionApp(http_auth_level='ANONYMOUS')\n"
START_LIMIT = 60.0
STOP_LIMIT = 20.0


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name]
        return ", ".join(found) if found else None


@dataclass
class App:
    """A function app in a directory."""

    directory: Path
    code: str
    settings: Mapping[str, str] = field(default_factory=dict)
    host_json: Mapping[str, Any] = field(default_factory=dict)
    script: str = "function_app.py"
    local_host: Mapping[str, Any] = field(default_factory=dict)

    def write(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        code = IMPORTS + textwrap.dedent(self.code)
        (self.directory / self.script).write_text(code)
        document = {"version": "2.0", **self.host_json}
        (self.directory / "host.json").write_text(json.dumps(document))
        values = {"IsEncrypted": False, "Values": dict(self.settings), "Host": self.local_host}
        (self.directory / "local.settings.json").write_text(json.dumps(values))


@dataclass
class RunningHost:
    """A host process."""

    app: Path
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def url(self) -> str:
        return self.output.split("Listening on ", 1)[1].split("\n", 1)[0]

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    @property
    def keys(self) -> keys.HostKeys:
        return keys.load_or_create(self.app / keys.DEFAULT_DIRECTORY)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | str | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Make one request on a connection of its own."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Reply(answer.status, answer.getheaders(), answer.read())

    def get(self, path: str, **headers: str) -> Reply:
        return self.call("GET", path, headers=headers)

    def run_by_hand(self, function: str, text: str) -> Reply:
        """Start a function through the administrator's page."""
        body = json.dumps({"input": text})
        headers = {"x-functions-key": self.keys.master}
        return self.call("POST", f"/admin/functions/{function}", body, headers)

    def wait_for(self, text: str, limit: float = 20.0) -> None:
        try:
            until(lambda: text in self.output, f"{text!r}", limit)
        except AssertionError as error:
            # What the host has said is read now, not when the wait began.
            raise AssertionError(f"{error} in\n{self.output}") from None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_LIMIT)


def command(app: Path, *arguments: str) -> list[str]:
    module = [sys.executable, "-m", "emulators.functions_host"]
    return [*module, "--app", str(app), *arguments]


@contextmanager
def started(app: App, *arguments: str) -> Iterator[RunningHost]:
    """A host that has begun; it need not be ready."""
    app.write()
    log = app.directory / "host.log"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(app.directory, "--port", "0", *arguments),
            cwd=REPOSITORY,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    with process:
        try:
            yield RunningHost(app.directory, process, log)
        finally:
            process.kill()


@contextmanager
def running(app: App, *arguments: str) -> Iterator[RunningHost]:
    """A host that is ready."""
    with started(app, *arguments) as host:
        until(
            lambda: "Listening on" in host.output or host.process.poll() is not None,
            f"the host of {app.directory} is ready",
            START_LIMIT,
        )
        assert host.process.poll() is None, host.output
        yield host

"""A supervisor of fake parts, in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.harness.stack import REPOSITORY, stop
from tests.harness.waiting import until

FAKE_STACK = (sys.executable, str(Path(__file__).with_name("fake_stack.py")), "--until-eof")
PATIENCE = 60.0


@dataclass(frozen=True, kw_only=True)
class Fake:
    """One supervisor and how to speak with its parts."""

    process: subprocess.Popen[bytes]
    state: Path
    output: Path

    @property
    def endpoints(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.state / "endpoints.json").read_text())
        return found

    def ready(self) -> dict[str, Any]:
        until((self.state / "endpoints.json").exists, f"ready: {self.output}", PATIENCE)
        return self.endpoints

    def ask(self, slot: str, path: str = "/") -> int:
        """The number that a fake part answers."""
        url = self.endpoints[slot].removesuffix("/devstoreaccount1")
        with urlopen(url + path, timeout=5) as answer:
            return int(answer.read())

    def says(self, words: str) -> str:
        """Wait until the terminal has shown this."""
        return until(
            lambda: self.text if words in self.text else "", f"{words!r} is said", PATIENCE
        )

    @property
    def text(self) -> str:
        return self.output.read_text()

    def end(self) -> int:
        return self.process.wait(PATIENCE)


type Start = Callable[..., Fake]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A project that has nothing but its example settings."""
    directory = tmp_path / "app"
    directory.mkdir()
    example = {"Values": {"STORAGE": "http://127.0.0.1:10000/x", "KEY": "generate:8"}}
    (directory / "local.settings.example.json").write_text(json.dumps(example))
    return directory


@pytest.fixture
def start(app: Path) -> Iterator[Start]:
    """Start a supervisor of the fake parts; whatever is left of it ends with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start_one(
        *arguments: str, ports: str = "auto", head: bool = False, **environment: str
    ) -> Fake:
        output = app / f"output-{len(started)}.txt"
        with output.open("wb") as terminal:
            process = subprocess.Popen(
                [*FAKE_STACK, "--app", str(app), "--ports", ports, *arguments],
                cwd=REPOSITORY,
                env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if head else terminal,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        if process.stdout:
            process.stdout.readline()
            process.stdout.close()
        return Fake(process=process, state=app / ".local", output=output)

    yield start_one
    for process in started:
        stop(process)

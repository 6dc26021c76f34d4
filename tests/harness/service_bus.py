"""A Service Bus emulator of a test's own: with entities of the test's choice, to be killed and started again.

Invariant: it listens on the same port and data after a restart, and ends with the block.
"""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.harness.stack import REPOSITORY

KEY = "SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE"
_START_SECONDS = 20.0


def entities(queues: dict[str, Any], topics: dict[str, Any] | None = None) -> dict[str, Any]:
    """A config.json: queues by name with their properties, topics by name with their subscriptions."""
    namespace = {
        "Name": "sbemulatorns",
        "Queues": [{"Name": name, "Properties": properties} for name, properties in queues.items()],
        "Topics": [{"Name": name, "Subscriptions": subs} for name, subs in (topics or {}).items()],
    }
    return {"UserConfig": {"Namespaces": [namespace]}}


class Broker:
    """One broker process."""

    def __init__(self, directory: Path, config: dict[str, Any], *arguments: str) -> None:
        self._directory = directory
        self._arguments = arguments
        (directory / "config.json").write_text(json.dumps(config))
        self.port = 0
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        data = (
            () if "--memory" in self._arguments else ("--data", str(self._directory / "b.sqlite"))
        )
        command = [sys.executable, "-m", "emulators.service_bus", "--port", str(self.port)]
        with (self._directory / "broker.log").open("a") as log:
            process = subprocess.Popen(
                [
                    *command,
                    "--config",
                    str(self._directory / "config.json"),
                    *data,
                    *self._arguments,
                ],
                cwd=REPOSITORY,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdout
        said = process.stdout.readline()
        port = re.search(r":(\d+)$", said.strip())
        if port is None:
            process.wait(_START_SECONDS)
            process.stdout.close()
            raise AssertionError(f"{said!r} {self.log}")
        self.port = int(port[1])
        return process

    def connection_string(self, key: str = KEY) -> str:
        """How the SDKs are told of it."""
        return f"Endpoint=sb://localhost:{self.port};{key};UseDevelopmentEmulator=true;"

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self._reap()

    def restart(self) -> float:
        """Start it again on the same port and data; seconds until it listens."""
        began = time.monotonic()
        self.process = self._start()
        return time.monotonic() - began

    @property
    def log(self) -> str:
        """What it wrote to its standard error."""
        return (self._directory / "broker.log").read_text()

    def stop(self) -> None:
        """End it by SIGTERM."""
        self.process.terminate()
        self._reap()

    def _reap(self) -> None:
        self.process.wait(_START_SECONDS)
        if self.process.stdout:
            self.process.stdout.close()


@contextmanager
def broker(directory: Path, config: dict[str, Any], *arguments: str) -> Iterator[Broker]:
    """A broker until the end of the block."""
    found = Broker(directory, config, *arguments)
    try:
        yield found
    finally:
        found.stop()

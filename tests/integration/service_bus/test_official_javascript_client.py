"""Microsoft's JavaScript SDK, unmodified: each scenario is a Node process."""

import subprocess
from pathlib import Path

import pytest

from tests.harness.service_bus import Broker

SCRIPT = Path(__file__).parent / "js" / "scenarios.mjs"


@pytest.mark.parametrize("scenario", ["settles", "schedules", "sessions", "rules"])
def test_the_javascript_sdk_is_content(running: Broker, scenario: str) -> None:
    done = subprocess.run(
        ["node", str(SCRIPT), running.connection_string(), scenario],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr

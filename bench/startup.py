"""Start-up: importing the app, and a warm start of the whole stack."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_RUNS = 5
_LIMIT_SECONDS = 120.0

type Row = tuple[str, str]


def import_time() -> Row:
    """Importing `function_app` in a fresh process, the interpreter's own start left out."""
    code = (
        "import time; t = time.perf_counter(); import function_app; print(time.perf_counter() - t)"
    )
    runs = [
        float(subprocess.check_output([sys.executable, "-c", code], text=True))
        for _ in range(_RUNS)
    ]
    return "import function_app", f"median {1000 * statistics.median(runs):.0f} ms of {_RUNS} runs"


def warm_start() -> Row:
    """From the command to `/api/ready`, everything installed, free ports, Azurite in memory."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        command = [sys.executable, "-m", "emulators.stack", "--ports", "auto", "--memory"]
        started = time.perf_counter()
        with (state / "out").open("w") as out:
            stack = subprocess.Popen([*command, "--state", folder], stdout=out, stderr=out)
            try:
                _wait_for(state / "endpoints.json", stack)
                seconds = time.perf_counter() - started
            finally:
                stack.terminate()
                stack.wait()
    return "warm start of the stack", f"{seconds:.1f} s"


def _wait_for(path: Path, stack: subprocess.Popen[bytes]) -> None:
    deadline = time.perf_counter() + _LIMIT_SECONDS
    while not path.exists():
        if stack.poll() is not None or time.perf_counter() > deadline:
            raise SystemExit("the stack did not start")
        time.sleep(0.02)


def measure() -> list[Row]:
    """All rows of the start-up table."""
    return [import_time(), warm_start()]

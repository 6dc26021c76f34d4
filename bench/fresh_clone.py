"""Fresh-clone times: `python -m bench.fresh_clone` clones the repository into an empty folder twice.

In the first `make run` is timed until the stack is ready, in the second `make test` until it has passed.
Both install everything, from the caches that pip and npm have on this machine.
"""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

_REPOSITORY = Path(__file__).parents[1]
_LIMIT_SECONDS = 1200.0


def time_make_run(clone: Path) -> float:
    """Seconds from `make run` to a stack that is ready."""
    started = time.perf_counter()
    process = subprocess.Popen(["make", "run", "PORTS=auto"], cwd=clone, start_new_session=True)
    try:
        while not (clone / ".local" / "endpoints.json").exists():
            if process.poll() is not None or time.perf_counter() - started > _LIMIT_SECONDS:
                raise SystemExit("make run did not come up")
            time.sleep(0.1)
        return time.perf_counter() - started
    finally:
        # The group, and not by SIGINT: a shell's background jobs are born deaf to it.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def time_make_test(clone: Path) -> float:
    """Seconds that `make test` takes. Raises CalledProcessError when it fails."""
    started = time.perf_counter()
    subprocess.run(["make", "test"], cwd=clone, check=True)
    return time.perf_counter() - started


def main() -> None:
    """Time both commands, each in a clone of its own."""
    rows: list[tuple[str, float]] = []
    for name, measure in (("make run, ready", time_make_run), ("make test", time_make_test)):
        with tempfile.TemporaryDirectory() as folder:
            clone = Path(folder) / "atrium"
            subprocess.run(["git", "clone", "--quiet", _REPOSITORY, clone], check=True)
            rows.append((name, measure(clone)))
    print("\nFresh clone")
    for name, seconds in rows:
        print(f"  {name:<28} {seconds:6.1f} s")


if __name__ == "__main__":
    main()

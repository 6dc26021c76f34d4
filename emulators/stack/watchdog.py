"""Ends every part when the supervisor is gone, however it went (kill -9 included).

Run by file name, without the package. It reads ``+PID`` and ``-PID`` lines: the process groups that
live. The pipe's other end is the supervisor's alone, so its end of file is the supervisor's end.

Invariant: at end of file every group that lives gets SIGTERM, and SIGKILL after a grace; then this
process ends too. Nothing here needs Linux: it holds on macOS as well, and for any program.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE = 5.0
PAUSE = 0.05


def main() -> None:
    """Wait for the end of the supervisor."""
    for harmless in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(harmless, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        change, group = line[:1], int(line[1:])
        if change == b"+":
            groups.add(group)
        else:
            groups.discard(group)
    end(groups)


def end(groups: Iterable[int]) -> None:
    """Stop these process groups, gently first."""
    left = [group for group in groups if _signalled(group, signal.SIGTERM)]
    deadline = time.monotonic() + GRACE
    while left and time.monotonic() < deadline:
        time.sleep(PAUSE)
        left = [group for group in left if _signalled(group, 0)]
    for group in left:
        _signalled(group, signal.SIGKILL)


def _signalled(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    main()

"""What the user sees: one line per thing that happened, with the time since the start.

Invariant: a closed terminal never breaks the stack; what cannot be shown is dropped (it is in the
log files anyway).
"""

import os
import sys
import time


class Console:
    """The terminal of one run."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the run."""
        return time.monotonic() - self._started

    def say(self, text: str) -> None:
        """One line of progress."""
        self.show(f"[stack {self.elapsed:6.1f} s] {text}")

    def show(self, text: str) -> None:
        """Text as it is."""
        try:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
        except OSError:
            # The reader has gone (`make run | head`): the stack has not. Python would still try to
            # write the rest at its end, and make an error of it.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)

"""The console as `func start` prints it: one `[time] text` line for each thing that happens.

For tools that read that output, such as the tests of Microsoft's Python worker. Invariant: every line
of the app's own logs is a line of its own, unchanged after the time.
"""

import time

from emulators.functions_host.console import Console


class CoreToolsConsole(Console):
    """Writes what Core Tools would, in the order in which it happens."""

    def begin(self, invocation: str, name: str) -> None:
        """Write that an invocation begins."""
        super().begin(invocation, name)
        self._line(f"Executing 'Functions.{name}' (Reason='', Id={invocation})")

    def end(self, invocation: str, outcome: str, details: str = "", *, ok: bool) -> None:
        """Write that an invocation has ended, and why it failed."""
        del outcome
        run = self._running.pop(invocation)
        milliseconds = (time.perf_counter() - run.began) * 1000
        word = "Succeeded" if ok else "Failed"
        self._line(
            f"Executed 'Functions.{run.name}' ({word}, Id={invocation}, "
            f"Duration={milliseconds:.0f}ms)"
        )
        if details:
            # Core Tools prints the cause in a form of its own, after the host's exception.
            self._line(f"System.Private.CoreLib: Result: Failure\n{details}")

    def log(self, invocation: str | None, level: str, text: str, logger: str = "root") -> None:
        """Write a record of the app's logging; what comes after its invocation is dropped."""
        del level, logger
        if invocation is None or invocation in self._running:
            self._line(text)

    def warn(self, text: str) -> None:
        """Write something the developer should act on."""
        self._line(text)

    def _line(self, text: str) -> None:
        # At once: whoever reads along looks for the line as soon as the answer is there.
        self._write(f"{self._stamp()} {text}")
        self.flush()

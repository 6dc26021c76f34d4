"""Becomes a part: tells the watchdog its process id, then turns into the part's command.

Run by file name, without the package. Invariant: the process id is with the watchdog before the
command runs, even when the supervisor dies meanwhile: this process holds the pipe open until then.
"""

import os
import signal
import sys


def main() -> None:
    """``guard.py FD COMMAND...``."""
    pipe, command = int(sys.argv[1]), sys.argv[2:]
    os.write(pipe, f"+{os.getpid()}\n".encode())
    os.close(pipe)
    # Python ignores SIGPIPE and a new program would inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - a fixed list, which no shell reads
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()

"""The command line: ``python -m emulators.web_pubsub [--host H] [--port N] [--settings FILE]``.

With a command (``fault``, ``faults``, ``clear``, ``close``, …) it talks to a running emulator.

Invariant: exit code 0 after SIGTERM or SIGINT, and 1 with one line of reason when it cannot run.
"""

import argparse
import sys
from pathlib import Path

from emulators.web_pubsub.commands import CommandError, add_commands, run

DEFAULT_PORT = 8080
_MAX_PORT = 65535


def main() -> int:
    """Run the command and return its exit code."""
    arguments = _parse_arguments()
    return _ask(arguments) if "call" in arguments else _serve(arguments)


def _ask(arguments: argparse.Namespace) -> int:
    try:
        print(run(arguments))  # noqa: T201 - the command's output
    except CommandError as error:
        return _refused(error)
    return 0


def _serve(arguments: argparse.Namespace) -> int:
    # Imported here: a command, which a test may give many times, must not wait for all of it.
    from emulators.web_pubsub.server import PortTakenError, run_server
    from emulators.web_pubsub.settings import SettingsError

    try:
        run_server(arguments.settings, arguments.host, arguments.port)
    except (SettingsError, PortTakenError) as error:
        return _refused(error)
    return 0


def _refused(error: Exception) -> int:
    print(f"web_pubsub: {error}", file=sys.stderr)  # noqa: T201 - the command's output
    return 1


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m emulators.web_pubsub", description="An Azure Web PubSub emulator."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="port to listen on")
    parser.add_argument("--settings", type=Path, help="JSON file in the official emulator's shape")
    add_commands(parser)
    return parser.parse_args()


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port <= _MAX_PORT:
        raise argparse.ArgumentTypeError(f"must be from 1 to {_MAX_PORT}")
    return port


if __name__ == "__main__":
    sys.exit(main())

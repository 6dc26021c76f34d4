"""The command line: ``python -m emulators.web_pubsub [--host H] [--port N] [--settings FILE]``.

With a command (``fault``, ``faults``, ``clear``, ``close``, …) it talks to a running emulator.

Invariant: exit code 0 after SIGTERM or SIGINT, and 1 with one line of reason when it cannot run.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

from emulators.web_pubsub.commands import CommandError, add_commands, run
from emulators.web_pubsub.server import PortTakenError, configure_logging, serve
from emulators.web_pubsub.settings import SettingsError, load_settings
from emulators.web_pubsub.settings_watch import SettingsWatcher

DEFAULT_PORT = 8080
_MAX_PORT = 65535


def main() -> int:
    """Run the command and return its exit code."""
    arguments = _parse_arguments()
    configure_logging()
    try:
        if "call" in arguments:
            print(run(arguments))  # noqa: T201 - the command's output
            return 0
        watcher = SettingsWatcher(arguments.settings, os.environ) if arguments.settings else None
        settings = watcher.settings if watcher else load_settings(None, os.environ)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(settings, arguments.host, arguments.port, watcher))
    except (SettingsError, PortTakenError, CommandError) as error:
        print(f"web_pubsub: {error}", file=sys.stderr)  # noqa: T201 - the command's output
        return 1
    return 0


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


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())

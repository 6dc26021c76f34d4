"""The command: `python -m emulators.service_bus --config FILE [--port 5672]`.

Invariant: it ends by SIGTERM or Ctrl-C with everything written; by SIGKILL with everything acknowledged.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import sqlite3
import sys
import time
from pathlib import Path

from emulators.service_bus.broker import Broker, Limits
from emulators.service_bus.config import ConfigError, load
from emulators.service_bus.protocol.claims import ALL_CLAIMS, Key
from emulators.service_bus.protocol.hub import Hub, Terms
from emulators.service_bus.server import Server
from emulators.service_bus.storage import Journal, SqliteJournal

DEFAULT_KEY = "RootManageSharedAccessKey=SAS_KEY_VALUE"


def _key(text: str) -> Key:
    """`NAME=SECRET[:Send,Listen,Manage[:PATH]]`."""
    name, separator, rest = text.partition("=")
    secret, _, more = rest.partition(":")
    claims, _, path = more.partition(":")
    chosen = frozenset(claims.split(",")) if claims else ALL_CLAIMS
    if not name or not separator or not secret or not chosen <= ALL_CLAIMS:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=SECRET[:Send,Listen,Manage[:PATH]]")
    return Key(name, secret, chosen, path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m emulators.service_bus", description=__doc__)
    add = parser.add_argument
    add("--config", type=Path, required=True, help="the official emulator's config.json")
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=5672, help="0 takes a free one; it is printed")
    add("--data", type=Path, default=Path(".local/service_bus/broker.sqlite"))
    add("--memory", action="store_true", help="keep nothing")
    add("--full-sync", action="store_true", help="survive a power cut, at half the speed")
    add("--key", type=_key, action="append", help=f"default {DEFAULT_KEY}", metavar="NAME=SECRET…")
    add("--max-connections", type=int, default=1_000)
    add("--max-message-bytes", type=int, default=Limits.max_message_bytes)
    add("--max-entity-bytes", type=int, default=Limits.max_entity_bytes)
    add("--verbose", action="store_true")
    return parser.parse_args()


async def _serve(options: argparse.Namespace) -> None:
    journal = Journal() if options.memory else SqliteJournal(options.data, full=options.full_sync)
    limits = Limits(options.max_message_bytes, options.max_entity_bytes)
    broker = Broker(load(options.config), journal, time.time, limits)
    keys = options.key or [_key(DEFAULT_KEY)]
    server = Server(Hub(broker, Terms(keys, max_connections=options.max_connections)))
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with server.listening(options.host, options.port) as port:
        print(f"Service Bus emulator on sb://{options.host}:{port}", flush=True)  # noqa: T201 - a command
        await stop.wait()
    broker.close()


def main() -> int:
    """Run the command; its exit code."""
    options = _arguments()
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(name)s %(message)s",
    )
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(options))
    except (ConfigError, OSError, sqlite3.Error) as error:
        print(f"service_bus: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The command line: ``python -m emulators.mail [--host H] [--port PAGE] [--smtp-port SMTP]``.

Invariant: exit code 0 after SIGTERM or SIGINT, and 1 with one line of reason when it cannot listen.
"""

import argparse
import asyncio
import signal
import sys

from aiohttp import web

from emulators.mail.mailbox import Mailbox
from emulators.mail.server import listening
from emulators.mail.site import build_app

_GOODBYE_SECONDS = 0.5


async def _serve(options: argparse.Namespace) -> None:
    stop, mailbox = asyncio.Event(), Mailbox()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(build_app(mailbox), access_log=None, shutdown_timeout=_GOODBYE_SECONDS)
    await runner.setup()
    try:
        async with listening(mailbox, options.host, options.smtp_port) as smtp_port:
            await web.TCPSite(runner, options.host, options.port).start()
            address = f"smtp://{options.host}:{smtp_port}"
            print(f"Mail to {address} is shown on http://{options.host}:{options.port}", flush=True)  # noqa: T201 - a command
            await stop.wait()
    finally:
        await runner.cleanup()


def main() -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m emulators.mail", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=1080, help="port of the page")
    parser.add_argument("--smtp-port", type=int, default=1025, help="port that takes mail")
    try:
        asyncio.run(_serve(parser.parse_args()))
    except OSError as error:
        print(f"mail: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The command line: `python -m emulators.functions_host --app DIR --port N`.

Invariant: whatever the developer got wrong (port, files, values) is one line on standard error and
exit code 1, never a traceback.
"""

import argparse
import asyncio
import errno
import gc
import socket
import sys
from pathlib import Path

import uvloop

from emulators.functions_host import keys
from emulators.functions_host.generation import HostOptions
from emulators.functions_host.host import Host
from emulators.functions_host.host_json import HostJsonError
from emulators.functions_host.settings import SettingsError

# Every request makes hundreds of short-lived objects and hardly a cycle: looking for young ones ten times
# less often saves a tenth of what a request costs. Each accept of a session that ends without one leaves a
# whole connection in cycles, a megabyte a second in an idle app: so old ones are looked for as often as ever.
_GC_THRESHOLDS = (20_000, 5, 2)


class UsageError(Exception):
    """Something about how the host was started cannot work."""


def main(arguments: list[str] | None = None) -> int:
    """Run the host and return its exit code."""
    parsed = _parser().parse_args(arguments)
    gc.set_threshold(*_GC_THRESHOLDS)
    try:
        options = _options(parsed)
        listener = _bind(parsed.host, parsed.port)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(options, listener))
    except (UsageError, HostJsonError, SettingsError) as error:
        sys.stderr.write(f"functions_host: {error}\n")
        return 1


async def _run(options: HostOptions, listener: socket.socket) -> int:
    return await Host(options, listener).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulators.functions_host",
        description="Runs a Python v2 function app as the Azure Functions host does.",
    )
    add = parser.add_argument
    add("--app", type=Path, required=True, help="the app's directory (with host.json)")
    add("--port", type=int, default=7071, help="0 picks a free one (default 7071)")
    add("--host", default="127.0.0.1", help="the address to listen on (default 127.0.0.1)")
    add("--settings", type=Path, help="default: local.settings.json of the app")
    add("--secrets", type=Path, help="where the keys are kept (default .local/secrets of the app)")
    add("--workers", type=int, help="worker processes, 1 to 10 (default 1, or the app setting)")
    add("--reload", action="store_true", help="follow changes of the app while it runs")
    add("--strict", action="store_true", help="warn of what Azure does otherwise than one expects")
    add(
        "--azure-timing",
        action="store_true",
        help="poll as slowly as Azure does, and start workers 10 s apart",
    )
    add(
        "--console",
        choices=("screen", "core-tools"),
        default="screen",
        help="core-tools: the lines that `func start` prints, for tools that read them",
    )
    return parser


def _options(parsed: argparse.Namespace) -> HostOptions:
    app: Path = parsed.app.resolve()
    if not app.is_dir():
        raise UsageError(f"{parsed.app} is not a directory")
    if parsed.workers is not None and not 1 <= parsed.workers <= 10:  # noqa: PLR2004 - as in Azure
        raise UsageError("--workers is between 1 and 10")
    if parsed.settings is not None and not parsed.settings.exists():
        raise UsageError(f"there is no settings file {parsed.settings}")
    return HostOptions(
        app=app,
        settings_file=parsed.settings or app / "local.settings.json",
        secrets=parsed.secrets or app / keys.DEFAULT_DIRECTORY,
        workers=parsed.workers,
        azure_timing=parsed.azure_timing,
        strict=parsed.strict,
        reload=parsed.reload,
        core_tools_console=parsed.console == "core-tools",
    )


def _bind(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # At once, so that a second host on this port fails here and not later.
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"port {port} is in use; choose another with --port") from error
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


if __name__ == "__main__":
    sys.exit(main())

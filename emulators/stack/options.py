"""What was asked for on the command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Options:
    """One run's wishes, with all defaults filled in."""

    app: Path
    state: Path
    settings: Path
    only: tuple[str, ...] = ()
    automatic_ports: bool = False
    memory: bool = False
    service_bus_config: Path | None = None
    verbose: bool = False
    until_eof: bool = False


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; ports come from the environment (``emulators.stack.ports``)."""
    given = _parser().parse_args(arguments)
    app: Path = given.app.resolve()
    state: Path = (given.state or app / ".local").resolve()
    # Only the checkout's own stack writes the file that `func start` reads too.
    beside = app if state == app / ".local" else state
    return Options(
        app=app,
        state=state,
        settings=(given.settings or beside / "local.settings.json").resolve(),
        only=tuple(name for name in given.only.split(",") if name),
        automatic_ports=given.ports == "auto",
        memory=given.memory,
        service_bus_config=given.service_bus_config,
        verbose=given.verbose,
        until_eof=given.until_eof,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulators.stack",
        description="Azure on a laptop: starts, watches and stops the local stack.",
    )
    parser.add_argument("--app", type=Path, default=Path(), help="the Functions project")
    parser.add_argument("--state", type=Path, help="where its files are kept (APP/.local)")
    parser.add_argument("--settings", type=Path, help="the local.settings.json to write")
    parser.add_argument(
        "--ports",
        choices=("fixed", "auto"),
        default="fixed",
        help="fixed: defaults, or FUNCTIONS_PORT and its like; auto: free ones",
    )
    parser.add_argument("--only", default="", help="parts to start, with commas between")
    parser.add_argument("--memory", action="store_true", help="keep nothing that is stored")
    parser.add_argument(
        "--service-bus-config",
        type=Path,
        help="entities of the Service Bus emulator (APP/infra/service-bus.json)",
    )
    parser.add_argument("--verbose", action="store_true", help="show the output of all parts")
    parser.add_argument(
        "--until-eof", action="store_true", help="stop when standard input ends (for tests)"
    )
    return parser

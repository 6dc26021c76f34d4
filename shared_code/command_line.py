"""What our commands have in common: where their settings come from, and how they end.

Invariant: a command reads the same settings as the deployment, from the environment or from a settings
file in the form of local.settings.json; what is in the environment wins.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from shared_code import messaging, storage
from shared_code.errors import AtriumError
from shared_code.settings import add_settings

DEFAULT_SETTINGS = Path("local.settings.json")


def parser(program: str, description: str) -> argparse.ArgumentParser:
    """A parser with the options that all commands have."""
    made = argparse.ArgumentParser(prog=program, description=description)
    made.add_argument(
        "--settings",
        type=Path,
        help=f"a settings file ({DEFAULT_SETTINGS}, where there is one)",
    )
    return made


def run(options: argparse.Namespace, work: Callable[[], Awaitable[None]]) -> int:
    """Run a command to its end; its exit code. An error of ours becomes a line."""
    path: Path | None = options.settings
    if path or DEFAULT_SETTINGS.exists():
        add_settings(json.loads((path or DEFAULT_SETTINGS).read_text())["Values"])
    try:
        asyncio.run(_closing(work))
    except AtriumError as error:
        sys.stderr.write(f"{options.prog}: {error}\n")
        return 1
    return 0


async def _closing(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    finally:
        await messaging.close()
        await storage.close_all()

"""The command that rotates the signing keys, in a process of its own.

Its clock can be told to be ahead, for the rule alone that says how soon keys may be rotated again: a test
cannot wait for half an hour.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from tests.harness.stack import REPOSITORY

_PROGRAM = """
import runpy, sys
from datetime import timedelta
from functions.auth.commands import rotating
now, ahead = rotating.utcnow, timedelta(minutes=float(sys.argv.pop(1)))
rotating.utcnow = lambda: now() + ahead
runpy.run_module("functions.auth", run_name="__main__")
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    output: str
    errors: str

    @property
    def kid(self) -> str:
        """The key that signs now, as a good command says."""
        assert self.code == 0, self.errors
        return self.output.split()[0]


async def rotate_keys(
    *options: str, settings: Mapping[str, str] | None = None, minutes_ahead: float = 0
) -> Ended:
    """Run the command with these settings besides those of the environment."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", _PROGRAM, str(minutes_ahead), "rotate-keys", *options),
        cwd=REPOSITORY,
        env={**os.environ, **(settings or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return Ended(process.returncode or 0, output.decode(), errors.decode())

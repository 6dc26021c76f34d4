"""Which imports make an app slow to start: asks Python itself, in a process of its own.

Invariant: it never disturbs the host: a process that fails or hangs ends within seconds, and then
there is nothing to tell.
"""

import asyncio
import os
import re
import sys
from pathlib import Path

_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|\s+(\S+)")
_SECONDS = 30.0
_MOST = 5


async def slowest(app: Path, environment: dict[str, str]) -> list[tuple[str, float]]:
    """Return the modules that took longest by themselves, with their seconds."""
    script = environment.get("PYTHON_SCRIPT_FILE_NAME", "function_app.py")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "importtime", "-c", f"import {Path(script).stem}"),
        cwd=app,
        env={**environment, "PYTHONPATH": os.pathsep.join([str(app), *sys.path])},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            _, report = await process.communicate()
    except TimeoutError:
        report = b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return read(report.decode(errors="replace"))


def read(report: str) -> list[tuple[str, float]]:
    """Find the slowest modules in what `-X importtime` printed."""
    found = [(match[3], int(match[1]) / 1e6) for match in _LINE.finditer(report)]
    return sorted(found, key=lambda item: -item[1])[:_MOST]

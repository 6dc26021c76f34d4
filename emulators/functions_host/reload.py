"""`--reload`: notices that the app's files have changed.

Invariant: a change is told once the files have been quiet for a moment, so that an editor or a
checkout that writes many files causes one reload and never one of half a change.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

_LOOK_SECONDS = 0.25
_LIBRARIES = {"node_modules", "__pycache__", "venv", "env", "site-packages"}

type Snapshot = dict[str, tuple[int, int]]


async def changes(app: Path, *files: Path) -> AsyncIterator[list[str]]:
    """Yield, again and again, the names of files that changed, appeared or went."""
    before = await asyncio.to_thread(snapshot, app, *files)
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        now = await asyncio.to_thread(snapshot, app, *files)
        if now == before:
            continue
        while (later := await _look_again(app, *files)) != now:
            now = later
        changed = sorted(path for path in before | now if before.get(path) != now.get(path))
        before = now
        if changed:
            yield [path.removeprefix(f"{app}{os.sep}") for path in changed]


def snapshot(app: Path, *files: Path) -> Snapshot:
    """Return time and size of every Python file of the app, of host.json and of the given files."""
    found: Snapshot = {}
    for path in (*_python_files(str(app)), str(app / "host.json"), *map(str, files)):
        try:
            stat = os.stat(path)  # noqa: PTH116 - hundreds of files, four times a second
        except OSError:
            continue
        found[path] = (stat.st_mtime_ns, stat.st_size)
    return found


async def _look_again(app: Path, *files: Path) -> Snapshot:
    await asyncio.sleep(_LOOK_SECONDS)
    return await asyncio.to_thread(snapshot, app, *files)


def _python_files(app: str) -> Iterator[str]:
    for folder, folders, names in os.walk(app):
        folders[:] = [name for name in folders if name[0] != "." and name not in _LIBRARIES]
        yield from (os.path.join(folder, name) for name in names if name.endswith(".py"))  # noqa: PTH118 - as above

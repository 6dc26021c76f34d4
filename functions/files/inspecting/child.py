"""The process that looks into one file: `python -I child.py '{"task": ..., "path": ..., "limits": ...}'`.

Invariant: the limits are set before anything that parses is imported, and cannot be raised again. It says one
JSON object and ends; it writes nothing but the thumbnails it was asked for (and nameless temporary files).
"""

import json
import resource
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_SHOWN = 200
_OPEN_FILES = 64


def main() -> None:
    """Do what the one argument says."""
    order = json.loads(sys.argv[1])
    confine(order["limits"])
    import_alone(order["import_from"])
    try:
        answer = done(order)
    except Exception as error:  # noqa: BLE001 - whatever a parser raised: the parent must hear of it
        answer = refusal(error)
    sys.stdout.write(json.dumps(answer))


def import_alone(places: list[str]) -> None:
    """Let modules be imported from these places, the app's first, without the packages that they are in.

    To import those would be to import the whole app: a second, and much memory, for each file.
    """
    sys.path += places
    for name in ("functions", "functions.files"):
        package = ModuleType(name)
        package.__path__ = [str(Path(places[0], *name.split(".")))]
        sys.modules[name] = package


def confine(limits: dict[str, Any]) -> None:
    """Take away from this process what it does not need. Hard limits, so that nothing brings it back."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, limits["file_size"])
    # At the soft limit comes SIGXCPU, by which the parent knows what happened; at the hard one SIGKILL.
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_seconds"], limits["cpu_seconds"] + 1))
    try:
        _limit(resource.RLIMIT_AS, limits["memory"])
    except (OSError, ValueError):
        # macOS lets nobody limit the address space. There, on laptops, only size checks and time hold; on
        # Linux, where the app runs, an inspection without a limit of memory must not happen.
        if sys.platform != "darwin":
            raise


def _limit(what: int, value: int) -> None:
    resource.setrlimit(what, (value, value))


def done(order: dict[str, Any]) -> dict[str, Any]:
    """The answer to an order. Raises what its parser raises."""
    from functions.files.inspecting.limits import Limits

    path, limits = order["path"], Limits(**order["limits"])
    if order["task"] == "archive":
        from functions.files.inspecting import archives

        archives.inspect(path, order["kind"], limits)
        return {}
    from functions.files.inspecting import images

    if order["task"] == "facts":
        return {"facts": images.facts(path, limits)}
    return {"thumbnails": images.thumbnails(path, order["targets"], limits)}


def refusal(error: Exception) -> dict[str, Any]:
    """The answer that says why there is none."""
    from functions.files.inspecting.answers import Refused

    if isinstance(error, Refused):
        return {"refused": error.reason, "detail": error.detail[:_SHOWN]}
    return {"refused": "inspection_failed", "detail": type(error).__name__[:_SHOWN]}


if __name__ == "__main__":
    main()

"""Imports function_app.py as a worker would and reports what that did, as JSON.

A script of `test_function_app.py`, run in a process of its own: only a fresh interpreter can tell what
an import reads, opens and loads. Its first argument is the root of the project.
"""

import json
import os
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(sys.argv[1])
_PLUMBING = {"os", "collections.abc", __name__}  # by name: frozen modules have no file


class WatchedEnvironment(MutableMapping[str, str]):
    """The environment, remembering which variables the modules of the app asked for."""

    def __init__(self, variables: MutableMapping[str, str]) -> None:
        self._variables = variables
        self.read_by_app: set[str] = set()

    def __getitem__(self, name: str) -> str:
        if _is_app(_caller(sys._getframe(1))):
            self.read_by_app.add(name)
        return self._variables[name]

    def __setitem__(self, name: str, value: str) -> None:
        self._variables[name] = value

    def __delitem__(self, name: str) -> None:
        del self._variables[name]

    def __iter__(self) -> Iterator[str]:
        if _is_app(_caller(sys._getframe(1))):
            self.read_by_app.add("(all)")
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def _caller(frame: FrameType | None) -> str:
    """The file that asked, behind the modules that only pass the question on."""
    while frame is not None and frame.f_globals.get("__name__") in _PLUMBING:
        frame = frame.f_back
    return frame.f_code.co_filename if frame else ""


def _is_app(file: str) -> bool:
    path = Path(file)
    return path.is_relative_to(ROOT) and "site-packages" not in path.parts


def report() -> dict[str, Any]:
    """Import the app and tell what happened."""
    sockets: list[str] = []

    def watch(event: str, _arguments: object) -> None:
        if event.startswith("socket."):
            sockets.append(event)

    sys.addaudithook(watch)
    environment = WatchedEnvironment(os.environ)
    os.environ = environment  # type: ignore[assignment]  # noqa: B003 - to be read, not inherited
    sys.path.insert(0, str(ROOT))
    from function_app import app

    modules = sorted(sys.modules)
    from shared_code.endpoint import ROUTES
    from shared_code.openapi import document

    return {
        "environment": sorted(environment.read_by_app),
        "sockets": sockets,
        "modules": modules,
        "functions": [
            {
                "name": function.get_function_name(),
                "bindings": [json.loads(raw) for raw in function.get_raw_bindings()],
            }
            for function in app.get_functions()
        ],
        "openapi": document(ROUTES),
    }


if __name__ == "__main__":
    json.dump(report(), sys.stdout)

"""Makes local.settings.json: what the Functions host is given, and all that it is given.

The rules, in the order in which they are applied (``docs/local-stack.md`` repeats them):

1. A value that the file already has is kept; a key that only the example has is added.
2. A value ``generate:<bytes>`` is replaced, once, by random urlsafe text.
3. An address ``127.0.0.1:PORT`` or ``localhost:PORT`` follows this run's ports where PORT is one
   that the previous run wrote or a default one. No other part of any value is touched.

Invariant: writing the file twice for the same ports gives the same bytes.
"""

import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emulators.stack.errors import StackError
from emulators.stack.ports import DEFAULTS, Ports
from emulators.stack.state import write_atomically

EXAMPLE = "local.settings.example.json"
# The ports that the last run wrote; Core Tools ignore keys that they do not know.
RECORD = "LocalStackPorts"

_ADDRESS = re.compile(r"\b(127\.0\.0\.1|localhost):(\d+)\b")
_GENERATE = re.compile(r"generate:(\d+)")

type Json = dict[str, Any]


def merged(example: Json, existing: Json, ports: Ports) -> Json:
    """The settings of this run, from the example and from what the file held before."""
    written = existing.get(RECORD, {})
    former = _moves(DEFAULTS, ports) | _moves(written, ports)
    fresh = _moves(DEFAULTS, ports)
    kept = {name: _moved(value, former) for name, value in existing.get("Values", {}).items()}
    added = {name: _moved(value, fresh) for name, value in example.get("Values", {}).items()}
    host = {**example.get("Host", {}), **existing.get("Host", {})}
    return {
        **example,
        **existing,
        "Values": {name: _generated(value) for name, value in {**added, **kept}.items()},
        "Host": {**host, "LocalHttpPort": ports["functions"]},
        RECORD: dict(ports),
    }


def _moves(before: Mapping[str, int], now: Ports) -> dict[int, int]:
    return {port: now[name] for name, port in before.items() if name in now}


def _moved(value: Any, moves: Mapping[int, int]) -> Any:
    if not isinstance(value, str):
        return value

    def move(address: re.Match[str]) -> str:
        port = int(address[2])
        return f"{address[1]}:{moves.get(port, port)}"

    return _ADDRESS.sub(move, value)


def _generated(value: Any) -> Any:
    wanted = _GENERATE.fullmatch(value) if isinstance(value, str) else None
    return secrets.token_urlsafe(int(wanted[1])) if wanted else value


def write(app: Path, target: Path, ports: Ports) -> dict[str, str]:
    """Bring the settings file up to date; answers its values as environment variables."""
    example = _read(app / EXAMPLE)
    existing = _read(target) if target.exists() else {}
    if existing.get("IsEncrypted"):
        raise StackError(f"{target} is encrypted: run `func settings decrypt` first")
    settings = merged(example, existing, ports)
    if settings != existing:
        write_atomically(target, json.dumps(settings, indent=2) + "\n")
    return {k: str(v) for k, v in settings["Values"].items() if v is not None}


def _read(path: Path) -> Json:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StackError(f"{path} is missing") from None
    except ValueError as error:
        raise StackError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise StackError(f"{path} holds no JSON object")
    return content

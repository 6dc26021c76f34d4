"""The contracts of the repository and their samples, found by their names."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no annotations

CONTRACTS = Path(__file__).parents[2] / "contracts"
TYPES = sorted(path.name.removesuffix(".json") for path in CONTRACTS.glob("*.json"))


def schema(type_: str) -> dict[str, Any]:
    return loaded(CONTRACTS / f"{type_}.json")


@cache
def validator(type_: str) -> Draft202012Validator:
    return Draft202012Validator(schema(type_))


def samples(type_: str, kind: str) -> list[Path]:
    """The samples of a type that are `valid` or `invalid`."""
    return sorted((CONTRACTS / "samples" / type_).glob(f"{kind}-*.json"))


def loaded(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def every(kind: str) -> list[Path]:
    return [path for type_ in TYPES for path in samples(type_, kind)]


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"

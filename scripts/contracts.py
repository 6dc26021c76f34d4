"""The contracts' tools: whether a schema may be published over the one before, and docs/events.md.

    python -m scripts.contracts            publish compatible schemas, write docs/events.md
    python -m scripts.contracts --check    say what would change; 1 if anything

Invariant: what readers of a published schema may rely on never changes. Old events stay valid under the new
schema and new events under the old one; what cannot be judged is refused.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CONTRACTS = ROOT / "contracts"
PUBLISHED = CONTRACTS / "published"
PAGE = ROOT / "docs" / "events.md"

_ANNOTATIONS = {"title", "description", "examples", "$comment"}
_WHAT_TO_DO = "a change that breaks readers is a new version of the event (.v2) beside this one"

type Json = dict[str, Any]


def breaks(old: Any, new: Any, at: str = "") -> Iterator[str]:
    """What in `new` breaks those who rely on `old`, with its place."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        if old != new:
            yield f"{at or '(root)'}: {old!r} became {new!r}"
        return
    for key in sorted({*old, *new} - _ANNOTATIONS):
        yield from _breaks_of(key, old, new, f"{at}/{key}")


def _breaks_of(key: str, old: Json, new: Json, at: str) -> Iterator[str]:
    if key in {"properties", "$defs"}:
        yield from _members(old.get(key, {}), new.get(key, {}), at)
    elif key == "required":
        yield from _required(set(old.get(key, [])), set(new.get(key, [])), at)
    elif key == "allOf":
        yield from _branches(old.get(key, []), new.get(key, []), at)
    elif key not in new:
        yield f"{at}: was taken away"
    elif key not in old:
        yield f"{at}: is new, and may refuse what was valid"
    else:
        yield from breaks(old[key], new[key], at)


def _members(old: Json, new: Json, at: str) -> Iterator[str]:
    """Members may be added; those that are there stay, each compatible."""
    for name, schema in old.items():
        if name not in new:
            yield f"{at}/{name}: was taken away"
        else:
            yield from breaks(schema, new[name], f"{at}/{name}")


def _required(old: set[str], new: set[str], at: str) -> Iterator[str]:
    for name in sorted(new - old):
        yield f"{at}: {name} is required now, and old events may lack it"
    for name in sorted(old - new):
        yield f"{at}: {name} is not required any more, and readers may rely on it"


def _branches(old: list[Any], new: list[Any], at: str) -> Iterator[str]:
    """Branches of new kinds (if, then) may be added behind those that are there."""
    if len(new) < len(old):
        yield f"{at}: a branch was taken away"
        return
    for number, (before, after) in enumerate(zip(old, new, strict=False)):
        yield from breaks(before, after, f"{at}/{number}")
    for number, added in enumerate(new[len(old) :], len(old)):
        if not isinstance(added, dict) or set(added) - _ANNOTATIONS != {"if", "then"}:
            yield f"{at}/{number}: is new, and no branch of a new kind (if, then)"


def types() -> list[str]:
    """The types that have a contract."""
    return sorted(path.name.removesuffix(".json") for path in CONTRACTS.glob("*.json"))


def unpublishable() -> list[str]:
    """Everything that breaks readers of what is published."""
    found = []
    for path in sorted(PUBLISHED.glob("*.json")):
        current = CONTRACTS / path.name
        if not current.exists():
            found.append(f"{path.stem}: its contract is gone")
            continue
        faults = breaks(_read(path), _read(current))
        found += [f"{path.stem}{fault} ({_WHAT_TO_DO})" for fault in faults]
    return found


def page() -> str:
    """docs/events.md."""
    from scripts.events_page import render

    return render({type_: _read(CONTRACTS / f"{type_}.json") for type_ in types()})


def _read(path: Path) -> Json:
    found: Json = json.loads(path.read_text(encoding="utf-8"))
    return found


def _changes() -> dict[Path, str]:
    """The files that are not what they should be, and what they should be."""
    wanted = {
        PUBLISHED / f"{each}.json": (CONTRACTS / f"{each}.json").read_text() for each in types()
    }
    wanted[PAGE] = page()
    return {
        path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text
    }


def main() -> int:
    """Run the command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.contracts", description=__doc__)
    parser.add_argument("--check", action="store_true")
    only_check = parser.parse_args().check
    if faults := unpublishable():
        sys.stderr.write("\n".join([*faults, ""]))
        return 1
    changes = _changes()
    for path, text in changes.items():
        verb = "would write" if only_check else "wrote"
        sys.stdout.write(f"{verb} {path.relative_to(ROOT)}\n")
        if not only_check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if only_check and changes else 0


if __name__ == "__main__":
    sys.exit(main())

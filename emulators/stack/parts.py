"""What a part of the stack is: data, so that a new part is a description and no new code.

Invariant: parts are started after all that they need, and stopped before it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from emulators.stack.errors import StackError


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A request whose answer tells that a part is ready."""

    url: str
    method: str = "GET"
    status: int | None = 200  # None: any answer shows that it listens


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process of the stack."""

    name: str
    command: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    needs: tuple[str, ...] = ()
    probes: tuple[Probe, ...] = ()  # none: a task, which is ready once it has ended with 0
    shown: bool = False  # whether its output appears on the terminal too
    loses: str = ""  # what a crash costs even where a restart helps
    beyond_restart: str = ""  # why a new process could not replace a crashed one
    limit: float = 120.0  # seconds until it must be ready; wide, for a loaded machine

    @property
    def is_task(self) -> bool:
        """A task does its work and ends; everything else runs until it is stopped.

        It must be safe to repeat: it is, after each restart of what it needs.
        """
        return not self.probes


def selected(parts: Sequence[Part], only: Collection[str]) -> list[Part]:
    """The parts that were asked for (all, when none is named), in the order of starting."""
    unknown = set(only) - {part.name for part in parts}
    if unknown:
        known = ", ".join(part.name for part in parts)
        raise StackError(f"no such part: {', '.join(sorted(unknown))} (there are: {known})")
    chosen = [part for part in parts if not only or part.name in only]
    names = {part.name for part in chosen}
    return in_order(
        [replace(part, needs=tuple(n for n in part.needs if n in names)) for part in chosen]
    )


def in_order(parts: Sequence[Part]) -> list[Part]:
    """Each part after those that it needs; otherwise as given."""
    ordered: list[Part] = []
    waiting = list(parts)
    while waiting:
        started = {part.name for part in ordered}
        startable = [part for part in waiting if started.issuperset(part.needs)]
        if not startable:
            names = ", ".join(part.name for part in waiting)
            raise StackError(f"these parts need each other, or one that is not there: {names}")
        ordered.extend(startable)
        waiting = [part for part in waiting if part not in startable]
    return ordered

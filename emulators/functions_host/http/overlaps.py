"""Finds routes of which one hides the other.

It tries paths rather than proving: each template is filled with samples, and whatever two templates
both accept is an overlap. Invariant: what is reported is real, with a path that shows it; a pair that
only an unusual regular expression separates or joins may be missed.
"""

from collections.abc import Iterator
from itertools import combinations, islice, product, zip_longest

from emulators.functions_host.http.routes import Route, RouteTable
from emulators.functions_host.http.templates import Parameter, Part, Template

_SAMPLES = (
    "1",
    "a",
    "abc-1",
    "12345",
    "true",
    "2026-01-31",
    "0f8fad5b-d9cb-469f-a165-70867728950e",
)
_MOST_PATHS = 500


def overlaps(routes: RouteTable) -> Iterator[tuple[str, str]]:
    """Yield the function that loses, and what happens, for each pair that overlaps."""
    for winner, loser in combinations(routes.in_order, 2):
        if winner.methods and loser.methods and not winner.methods & loser.methods:
            continue
        if (path := _common_path(winner, loser)) is not None:
            won = f"goes to {winner.name} ({winner.template.text!r})"
            yield loser.name, f"/{path} fits its route {loser.template.text!r}, but {won}"


def _common_path(one: Route, other: Route) -> str | None:
    paths = (*_paths(one.template, other.template), *_paths(other.template, one.template))
    for path in paths:
        if one.template.match(path) is not None and other.template.match(path) is not None:
            return path
    return None


def _paths(template: Template, other: Template) -> Iterator[str]:
    """Fill a template: each parameter with samples and with what the other has at its place."""
    nothing: list[Part] = []
    segments = [
        _choices(mine, theirs) if mine else ["", *_choices(theirs, nothing)]
        for mine, theirs in zip_longest(template.segments, other.segments, fillvalue=nothing)
    ]
    for parts in islice(product(*segments), _MOST_PATHS):
        yield "/".join(part for part in parts if part)


def _choices(mine: list[Part], theirs: list[Part]) -> list[str]:
    literals = ["".join(part for part in theirs if isinstance(part, str))]
    options: list[list[str]] = []
    for part in mine:
        if isinstance(part, Parameter):
            fitting = [
                sample
                for sample in (*filter(None, literals), *_SAMPLES)
                if all(check(sample) for check in part.checks)
            ]
            empty = part.optional or part.catch_all or part.default is not None
            options.append([*([""] if empty else []), *fitting])
        else:
            options.append([part])
    return ["".join(parts) for parts in islice(product(*options), _MOST_PATHS)]

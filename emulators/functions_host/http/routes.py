"""Which function a request goes to.

Invariant: functions are tried in alphabetical order of their names, and the first whose template
and method fit wins. There is no precedence of literals over parameters, as there is none in Azure.
"""

from dataclasses import dataclass, field

from emulators.functions_host.http.endpoint import Endpoint
from emulators.functions_host.http.templates import Template, compile_template


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP function's claim on a part of the address space; no methods means all."""

    name: str
    template: Template
    methods: frozenset[str]
    endpoint: Endpoint


@dataclass(slots=True)
class RouteTable:
    """All routes under one prefix."""

    prefix: str = "api"
    _routes: list[Route] = field(default_factory=list)
    _by_first: dict[str, list[Route]] = field(default_factory=dict)
    _unbound: list[Route] = field(default_factory=list)

    @property
    def in_order(self) -> list[Route]:
        """All routes, in the order in which they are tried."""
        return list(self._routes)

    def add(self, name: str, route: str, methods: frozenset[str], endpoint: Endpoint) -> None:
        """Add a function's route (without the prefix).

        Raises:
            BindingError: if the template is wrong.
        """
        self._routes.append(Route(name, compile_template(route), methods, endpoint))
        self._routes.sort(key=lambda item: item.name.lower())
        self._index()

    def match(self, method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
        """Find the function for a method and a decoded path, with the values of the route."""
        if (rest := self._under_prefix(path)) is None:
            return None
        first = rest.partition("/")[0].lower()
        for route in self._by_first.get(first, self._unbound):
            if route.methods and method not in route.methods:
                continue
            if (values := route.template.match(rest)) is not None:
                return route.endpoint, values
        return None

    def _under_prefix(self, path: str) -> str | None:
        path = path.removeprefix("/")
        if not self.prefix:
            return path
        length = len(self.prefix)
        head, rest = path[:length], path[length:]
        if head.lower() != self.prefix.lower() or not (rest == "" or rest.startswith("/")):
            return None
        return rest[1:]

    def _index(self) -> None:
        """Sort the routes by their first segment, so that a match tries a handful and not all.

        Each list holds, in order, also the routes that begin with a parameter.
        """
        firsts = {route.template.first for route in self._routes} - {None}
        self._unbound = [route for route in self._routes if route.template.first is None]
        self._by_first = {
            str(first): [
                r for r in self._routes if r.template.first is None or r.template.first == first
            ]
            for first in firsts
        }

"""What a route declares, read once from its handler's signature.

Invariant: every declared route is in ROUTES, and nothing else is; OpenAPI and the tests read it there.
"""

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter

from shared_code.actor import Actor, Admin, Recent
from shared_code.endpoint.client import Client
from shared_code.endpoint.responses import Reply
from shared_code.errors import AtriumError
from shared_code.roles import WORKSPACE_RULES, InWorkspace

type Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
type Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Header:
    """An optional header that a route looks at, for its callers; the handler reads it from the `Client`."""

    name: str
    description: str


ACCESS_RULES = (Actor, Admin, Recent, *WORKSPACE_RULES)
"""The parameter types that name the caller, and say which callers the route is for."""


WORKSPACE = "workspace_id"
"""The path parameter that names a workspace; the caller must be in it."""


class Anonymous:
    """The parameter type of a route that anyone may call, with or without a token."""


@dataclass(frozen=True)
class Route:
    """One HTTP route: its address, its access rule, its parts, and what it may answer."""

    method: Method
    path: str
    handler: Handler
    status: int
    max_body: int
    errors: tuple[type[AtriumError], ...]
    actor: str | None
    access: type[Actor] | None
    anonymous: str | None
    body: tuple[str, type[BaseModel]] | None
    query: tuple[str, type[BaseModel]] | None
    path_parameters: dict[str, TypeAdapter[str]]
    idempotency_key: str | None
    client: str | None
    headers: tuple[Header, ...]
    answer: Any

    @property
    def name(self) -> str:
        """The function's name in Azure, and the operation's in OpenAPI."""
        return self.handler.__name__

    @property
    def service(self) -> str:
        """The package that declares the route: `functions.chat.api` is `chat`."""
        return self.handler.__module__.split(".")[-2]


ROUTES: list[Route] = []


@dataclass(frozen=True)
class _Parts:
    """The handler's parameters, sorted by where their values come from."""

    models: dict[str, type[BaseModel]]
    actor: str | None
    access: type[Actor] | None
    anonymous: str | None
    idempotency_key: str | None
    client: str | None
    path: dict[str, TypeAdapter[str]]


def declare(  # noqa: PLR0913 - each keyword is one property of a route
    method: Method,
    path: str,
    handler: Handler,
    *,
    status: int,
    max_body: int,
    errors: tuple[type[AtriumError], ...],
    headers: tuple[Header, ...] = (),
) -> Route:
    """Read the route from the handler's signature and register it.

    Raises TypeError when the signature does not say who may call, or has a parameter of no source.
    """
    hints = get_type_hints(handler, include_extras=True)
    parts = _sort_parameters(handler, hints, set(re.findall(r"\{(\w+)\}", path)))
    route = Route(
        method=method,
        path=path,
        handler=handler,
        status=status,
        max_body=max_body,
        errors=errors,
        actor=parts.actor,
        access=parts.access,
        anonymous=parts.anonymous,
        body=_model(parts, "body"),
        query=_model(parts, "query"),
        path_parameters=parts.path,
        idempotency_key=parts.idempotency_key,
        client=parts.client,
        headers=headers,
        answer=_model_of(hints.get("return")),
    )
    ROUTES.append(route)
    return route


def _model_of(answer: Any) -> Any:
    """The model of an answer, also of one with headers of its own."""
    return get_args(answer)[0] if get_origin(answer) is Reply else answer


def _model(parts: _Parts, name: str) -> tuple[str, type[BaseModel]] | None:
    return (name, parts.models[name]) if name in parts.models else None


def _sort_parameters(handler: Handler, hints: dict[str, Any], in_path: set[str]) -> _Parts:
    names = list(inspect.signature(handler).parameters)
    actor = next((name for name in names if hints[name] in ACCESS_RULES), None)
    parts = _Parts(
        models={name: hints[name] for name in ("body", "query") if name in names},
        actor=actor,
        access=hints[actor] if actor else None,
        anonymous=next((name for name in names if hints[name] is Anonymous), None),
        idempotency_key="idempotency_key" if "idempotency_key" in names else None,
        client=next((name for name in names if hints[name] is Client), None),
        path={name: TypeAdapter(hints[name]) for name in names if name in in_path},
    )
    if (parts.actor is None) == (parts.anonymous is None):
        raise TypeError(
            f"{handler.__name__} must take an Actor, an Admin, a Recent, one of a workspace's rules, "
            "or an Anonymous"
        )
    in_workspace = parts.access is not None and issubclass(parts.access, InWorkspace)
    if in_workspace != (WORKSPACE in in_path):
        raise TypeError(f"{handler.__name__}: a workspace in the path and its rule go together")
    if in_workspace:
        in_path = in_path - {WORKSPACE}  # the caller's parameter carries it
    known = {*parts.models, *parts.path, parts.actor, parts.anonymous, parts.idempotency_key}
    known.add(parts.client)
    if unknown := set(names) - known or in_path - set(names):
        raise TypeError(f"{handler.__name__}: no source or no parameter for {sorted(unknown)}")
    return parts

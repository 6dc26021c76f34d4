"""The problems that a route may answer, as OpenAPI responses.

Invariant: every error that `endpoint` can raise for a route by itself is derived from what the route
declares; what a handler raises beyond that stands in the route's `errors`.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from pydantic import BaseModel, Field

from shared_code.actor import Admin, Recent
from shared_code.endpoint import Route
from shared_code.errors import (
    AdminRequired,
    AtriumError,
    InternalError,
    MalformedJson,
    NotConfigured,
    NotFound,
    PayloadTooLarge,
    RoleRequired,
    StepUpRequired,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
    WorkspaceNotFound,
    WorkspaceTokenRequired,
)
from shared_code.roles import ROLES, InWorkspace

type Error = type[AtriumError]

_REFERENCE = "#/components/responses/"
_ALWAYS: tuple[Error, ...] = (InternalError, NotConfigured, Unavailable)


class ProblemField(BaseModel):
    """One field that is not valid."""

    field: str = Field(description="Where it stands, such as `text`, `items.0.name` or `limit`.")
    code: str = Field(description="What is wrong, for programs.")
    message: str = Field(description="What is wrong, for people.")


class Problem(BaseModel):
    """Why a request failed: RFC 9457, with a stable `code` for programs."""

    type: str = Field(description="A URN made of the code.")
    title: str = Field(description="What the code means; the same for every occurrence.")
    status: int = Field(description="The HTTP status, repeated.")
    code: str = Field(description="Stable, for programs; docs/errors.md lists them all.")
    request_id: str = Field(description="Names this request in the log; quote it to support.")
    detail: str = Field(default="", description="What went wrong this time, for people.")
    errors: list[ProblemField] = Field(default=[], description="The fields that are not valid.")


def problem_responses(route: Route) -> dict[str, Any]:
    """References to the route's problems by status; those of one status share a response."""
    return {
        str(status): {"$ref": _REFERENCE + _name(errors)} for status, errors in _by_status(route)
    }


def problem_components(routes: Iterable[Route]) -> dict[str, Any]:
    """The responses that `problem_responses` refers to: most routes have the same ones."""
    shared = [errors for route in routes for _, errors in _by_status(route)]
    return {_name(errors): _response(errors) for errors in sorted(shared, key=_name)}


def _by_status(route: Route) -> list[tuple[int, list[Error]]]:
    by_code = {error.code: error for error in _errors(route)}  # some errors differ in the log only
    errors = sorted(by_code.values(), key=lambda each: (each.status, each.code))
    return [(status, list(same)) for status, same in groupby(errors, lambda each: each.status)]


def _name(errors: list[Error]) -> str:
    return ".".join(error.code for error in errors)


def _errors(route: Route) -> set[Error]:
    return {*_ALWAYS, *route.errors, *_errors_of_parts(route)}


def _errors_of_parts(route: Route) -> Iterator[Error]:
    if route.actor:
        yield Unauthenticated
    if route.access is Admin:
        yield AdminRequired
    if route.access is Recent:
        yield StepUpRequired
    if route.access and issubclass(route.access, InWorkspace):
        yield from (WorkspaceNotFound, WorkspaceTokenRequired)
        if ROLES[0] != route.access.LEAST:
            yield RoleRequired
        if route.access.RECENT:
            yield StepUpRequired
    if route.path_parameters:
        yield NotFound
    if route.query or route.idempotency_key or route.body:
        yield ValidationFailed
    if route.body:
        yield from (MalformedJson, PayloadTooLarge, UnsupportedMediaType)


def _response(errors: list[Error]) -> dict[str, Any]:
    codes = [error.code for error in errors]
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Problem"},
            {"properties": {"code": {"enum": codes}}},
        ]
    }
    return {
        "description": "\n".join(f"- `{error.code}`: {error.title}." for error in errors),
        "headers": _headers(errors),
        "content": {"application/problem+json": {"schema": schema}},
    }


def _headers(errors: Iterable[Error]) -> dict[str, Any]:
    headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if any(error.retry_after is not None for error in errors):
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    if any(error.status == TooManyRequests.status for error in errors):
        headers["RateLimit-Policy"] = {"$ref": "#/components/headers/RateLimitPolicy"}
        headers["RateLimit"] = {"$ref": "#/components/headers/RateLimit"}
    if any(error.status == Unauthenticated.status for error in errors):
        headers["WWW-Authenticate"] = {"$ref": "#/components/headers/Challenge"}
    return headers

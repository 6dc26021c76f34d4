"""From a request to the handler's arguments, by annotation.

Invariant: the caller is verified before anything that he sent is looked at; then path, query, headers
and body, each refused with the error that names what is wrong.
"""

from datetime import timedelta
from typing import Annotated, Any, cast

import azure.functions as func
from pydantic import AfterValidator, BaseModel, TypeAdapter, ValidationError

from shared_code.actor import ADMIN, STEP_UP_MINUTES, Actor, Admin, Recent
from shared_code.clock import utcnow
from shared_code.endpoint.client import client_of
from shared_code.endpoint.route import WORKSPACE, Anonymous, Route
from shared_code.errors import (
    AdminRequired,
    FieldError,
    MalformedJson,
    NotFound,
    PayloadTooLarge,
    RoleRequired,
    StepUpRequired,
    UnsupportedMediaType,
    ValidationFailed,
    WorkspaceNotFound,
    WorkspaceTokenRequired,
)
from shared_code.roles import InWorkspace, WorkspaceId, WorkspaceRole, is_at_least
from shared_code.tokens import authenticate

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_MAX_KEY_LENGTH = 255
_MAX_FIELD_ERRORS = 20
_MAX_FIELD_NAME = 100


def _printable_key(value: str) -> str:
    if not 1 <= len(value) <= _MAX_KEY_LENGTH or not (value.isascii() and value.isprintable()):
        raise ValueError(f"must be 1 to {_MAX_KEY_LENGTH} printable ASCII characters")
    return value


_workspace_id: TypeAdapter[str] = TypeAdapter(WorkspaceId)
type IdempotencyKey = Annotated[str, AfterValidator(_printable_key)] | None
_idempotency_key: TypeAdapter[str | None] = TypeAdapter(IdempotencyKey)


async def arguments(route: Route, request: func.HttpRequest) -> dict[str, Any]:
    """The keyword arguments of the route's handler. Raises AtriumError for any bad part."""
    values: dict[str, Any] = {}
    if route.actor:
        values[route.actor] = await _actor(route, request)
    if route.anonymous:
        values[route.anonymous] = Anonymous()
    if route.client:
        values[route.client] = client_of(request.headers)
    for name, adapter in route.path_parameters.items():
        values[name] = _path_value(adapter, request.route_params.get(name))
    if route.query:
        values[route.query[0]] = _query(route.query[1], dict(request.params))
    if route.idempotency_key:
        values[route.idempotency_key] = _key(request.headers.get("idempotency-key"))
    if route.body:
        values[route.body[0]] = _body(route.body[1], request, route.max_body)
    return values


async def _actor(route: Route, request: func.HttpRequest) -> Actor:
    """The caller, if the route is for him.

    Raises Unauthenticated, AdminRequired, StepUpRequired, and as `_in_workspace`.
    """
    actor, access = await authenticate(request.headers.get("authorization")), route.access
    if access is None:
        return actor
    if access is Admin and ADMIN not in actor.roles:
        raise AdminRequired
    if issubclass(access, InWorkspace):
        return _in_workspace(actor, access, request.route_params.get(WORKSPACE))
    if access is Recent and not _is_recent(actor):
        raise StepUpRequired
    return access(**vars(actor))


def _in_workspace(actor: Actor, access: type[InWorkspace], named: str | None) -> InWorkspace:
    """The caller in the workspace of the address.

    Raises WorkspaceNotFound when his token does not carry it, WorkspaceTokenRequired when it might but for
    the cap, RoleRequired, StepUpRequired.
    """
    try:
        workspace_id = _workspace_id.validate_python(named)
    except ValidationError as error:
        raise WorkspaceNotFound from error
    role = actor.workspaces.get(workspace_id)
    if role is None:
        raise WorkspaceTokenRequired if actor.workspaces_capped else WorkspaceNotFound
    caller = access(**vars(actor), workspace_id=workspace_id, role=cast("WorkspaceRole", role))
    if not is_at_least(caller.role, access.LEAST):
        raise RoleRequired
    if access.RECENT and not _is_recent(actor):
        raise StepUpRequired
    return caller


def _is_recent(actor: Actor) -> bool:
    return utcnow() - actor.authenticated_at <= timedelta(minutes=STEP_UP_MINUTES)


def _path_value(adapter: TypeAdapter[str], raw: str | None) -> str:
    """An id that is not well formed names nothing, which is what the caller is told."""
    try:
        return adapter.validate_python(raw)
    except ValidationError as error:
        raise NotFound from error


def _query(model: type[BaseModel], raw: dict[str, Any]) -> BaseModel:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ValidationFailed(field_errors(error)) from error


def _key(raw: str | None) -> str | None:
    try:
        return _idempotency_key.validate_python(raw)
    except ValidationError as error:
        raise ValidationFailed(field_errors(error, "Idempotency-Key")) from error


def _body(model: type[BaseModel], request: func.HttpRequest, limit: int) -> BaseModel:
    content = request.get_body()
    if len(content) > limit:
        raise PayloadTooLarge(f"The body may have at most {limit} bytes")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() in _FORMS:
        raise UnsupportedMediaType
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        if any(each["type"] == "json_invalid" for each in error.errors(include_url=False)):
            raise MalformedJson from error
        raise ValidationFailed(field_errors(error)) from error


def field_errors(error: ValidationError, field: str = "") -> list[FieldError]:
    """Pydantic's findings as ours. The rejected input is left out: it may be a password.

    Only the first ones, and field names cut: a body full of unknown fields gets no answer of megabytes.
    """
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [
        FieldError(
            field=field or ".".join(map(str, each["loc"]))[:_MAX_FIELD_NAME] or "(body)",
            code=each["type"],
            message=each["msg"],
        )
        for each in found[:_MAX_FIELD_ERRORS]
    ]

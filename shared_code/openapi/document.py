"""The document: one operation for each route, and the components that they share.

Invariant: `document` depends on its argument alone, so the same routes give the same document.
"""

import inspect
import json
from collections.abc import Sequence
from typing import Any

from shared_code.endpoint import WORKSPACE, Content, Route
from shared_code.ids import id_pattern
from shared_code.openapi.problems import problem_components, problem_responses
from shared_code.openapi.schemas import Schema, Schemas, has_model
from shared_code.roles import InWorkspace

VERSION = "0.1.0"
"""The version of the API; pyproject.toml has the same."""

_PREFIX = "/api/"
_DESCRIPTION = """\
Times are RFC 3339 in UTC. Ids are opaque. A list gives a page and, in `next`, the cursor of the page after
it. Every failure is a problem (RFC 9457) whose `code` says what went wrong and never changes its meaning."""
_HEADERS: dict[str, Schema] = {
    "RequestId": {
        "description": "Names this request in the log.",
        "schema": {"type": "string"},
    },
    "RetryAfter": {
        "description": "After how many seconds the same request may succeed.",
        "schema": {"type": "integer"},
    },
    "RateLimitPolicy": {
        "description": "The limit that is used up: at most `q` in any `w` seconds.",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "What is left of it, `r`, and after how many seconds, `t`, there is more.",
        "schema": {"type": "string"},
    },
    "Challenge": {
        "description": "The scheme that is wanted: `Bearer`.",
        "schema": {"type": "string"},
    },
}
_WORKSPACE: dict[str, Any] = {
    "name": WORKSPACE,
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": id_pattern("ws")},
}
_IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes the request safe to repeat: a repeat gives the first answer.",
    # As endpoint.IdempotencyKey checks it, in code that no schema can be generated from.
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
_BEARER: Schema = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The `access_token` that registering and logging in answer.",
}


def as_json(routes: Sequence[Route]) -> bytes:
    """The document of these routes as JSON."""
    return json.dumps(document(routes), ensure_ascii=False, indent=2).encode()


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these routes."""
    schemas = Schemas(routes)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Atrium", "version": VERSION, "description": _DESCRIPTION},
        "tags": [{"name": name} for name in sorted({route.service for route in routes})],
        "paths": _paths(routes, schemas),
        "components": {
            "schemas": schemas.components(routes),
            "responses": problem_components(routes),
            "headers": _HEADERS,
            "parameters": {"IdempotencyKey": _IDEMPOTENCY_KEY},
            "securitySchemes": {"bearerAuth": _BEARER},
        },
    }


def _paths(routes: Sequence[Route], schemas: Schemas) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for route in sorted(routes, key=lambda each: (each.path, each.method)):
        operations = paths.setdefault(_PREFIX + route.path, {})
        operations[route.method.lower()] = _operation(route, schemas)
    return paths


def _operation(route: Route, schemas: Schemas) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(route.handler) or route.name).partition("\n")
    operation: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.service],
        "summary": summary.strip().removesuffix("."),
        "security": [{"bearerAuth": []}] if route.actor else [],
        "responses": {str(route.status): _success(route, schemas), **problem_responses(route)},
    }
    if description.strip():
        operation["description"] = description.strip()
    if parameters := _parameters(route, schemas):
        operation["parameters"] = parameters
    if route.body:
        schema = schemas.of((route.name, "body"))
        operation["requestBody"] = {"required": True, "content": _json(schema)}
    return operation


def _parameters(route: Route, schemas: Schemas) -> list[dict[str, Any]]:
    parameters = [_WORKSPACE] if route.access and issubclass(route.access, InWorkspace) else []
    parameters += [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": schemas.of((route.name, f"path:{name}")),
        }
        for name in route.path_parameters
    ]
    if route.query:
        parameters += _query_parameters(schemas.query(route))
    if route.idempotency_key:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    parameters += [
        {
            "name": each.name,
            "in": "header",
            "description": each.description,
            "schema": {"type": "string"},
        }
        for each in route.headers
    ]
    return parameters


def _query_parameters(model: Schema) -> list[dict[str, Any]]:
    required = model.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": schema,
            **{key: schema[key] for key in ("description",) if key in schema},
        }
        for name, schema in model["properties"].items()
    ]


def _success(route: Route, schemas: Schemas) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": "Done.",
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
    }
    if route.answer is Content:
        response["content"] = {"*/*": {}}
    elif has_model(route.answer):
        response["content"] = _json(schemas.of((route.name, "answer")))
    return response


def _json(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}

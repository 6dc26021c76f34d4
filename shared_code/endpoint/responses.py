"""From a handler's answer, or its error, to an HTTP response.

Invariant: what leaves is a declared model or an RFC 9457 problem; no stack trace, no internal name.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import azure.functions as func
from pydantic import BaseModel, ConfigDict

from shared_code.errors import AtriumError, Quota, TooManyRequests

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Model(BaseModel):
    """The base of request bodies: an unknown field or a wrong type is an error, never a guess.

    What was refused may be a password, so it shows in no error's text, which a log may hold.
    """

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class Page[Item](BaseModel):
    """One page of a list. `next` is the cursor of the page after it, null on the last."""

    items: list[Item]
    next: str | None = None


def page_of[Item](found: list[Item], limit: int, cursor: Callable[[Item], str]) -> Page[Item]:
    """The page of a list that was asked for one item more than the page holds."""
    page = found[:limit]
    return Page(items=page, next=cursor(page[-1]) if len(found) > limit else None)


@dataclass(frozen=True)
class Content:
    """An answer that is not a model: bytes of a stated type, for documents and assets."""

    body: bytes
    content_type: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Reply[Body: BaseModel | None]:
    """A model, or nothing, and headers of the answer's own."""

    body: Body
    headers: tuple[tuple[str, str], ...] = ()


def respond(
    answer: BaseModel | Content | Reply[Any] | None, status: int, request_id: str
) -> func.HttpResponse:
    """The response for what a handler returned; None has no body."""
    headers = {**_HEADERS, "X-Request-Id": request_id}
    if isinstance(answer, Reply):
        headers |= dict(answer.headers)
        return _modelled(answer.body, status, headers)
    if isinstance(answer, Content):
        headers |= dict(answer.headers) | {"Content-Type": answer.content_type}
        return func.HttpResponse(answer.body, status_code=status, headers=headers)
    return _modelled(answer, status, headers)


def _modelled(answer: BaseModel | None, status: int, headers: dict[str, str]) -> func.HttpResponse:
    if answer is None:
        return func.HttpResponse(status_code=status, headers=headers)
    headers["Content-Type"] = "application/json"
    body = answer.model_dump_json().encode()
    return func.HttpResponse(body, status_code=status, headers=headers)


def problem(error: AtriumError, request_id: str) -> func.HttpResponse:
    """The problem+json for an error (RFC 9457), with our `code`, `errors` and `request_id`."""
    document: dict[str, Any] = {
        "type": f"urn:atrium:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "request_id": request_id,
    }
    if error.detail:
        document["detail"] = error.detail
    if error.fields:
        document["errors"] = list(error.fields)
    headers = {
        **_HEADERS,
        "X-Request-Id": request_id,
        "Content-Type": "application/problem+json",
    }
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, TooManyRequests) and error.quota is not None:
        headers |= _rate_limit(error.quota)
    if error.status == 401:  # noqa: PLR2004 - the one status that HTTP wants a challenge with
        headers["WWW-Authenticate"] = "Bearer"
    body = json.dumps(document, ensure_ascii=False).encode()
    return func.HttpResponse(body, status_code=error.status, headers=headers)


def _rate_limit(quota: Quota) -> dict[str, str]:
    """The RateLimit fields, by draft-ietf-httpapi-ratelimit-headers-11; `t` agrees with Retry-After."""
    return {
        "RateLimit-Policy": f'"{quota.name}";q={quota.most};w={quota.seconds}',
        "RateLimit": f'"{quota.name}";r={quota.remaining};t={quota.reset_seconds}',
    }

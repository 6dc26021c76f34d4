"""Reads the parts of REST requests: path segments, query values, bodies.

Invariant: what is returned is valid and bounded; what is not raises a RestError, and a query is
checked before a byte of the body is read.
"""

from collections.abc import Callable

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.connection import Connection
from emulators.web_pubsub.hub import Predicate
from emulators.web_pubsub.messages import (
    MAX_TTL_SECONDS,
    MEDIA_TYPES,
    Content,
    DataType,
    Message,
    load_json,
)
from emulators.web_pubsub.metadata import InvalidMetadataError, metadata_from_headers
from emulators.web_pubsub.names import is_group_name, is_text
from emulators.web_pubsub.odata import FilterError, parse_filter
from emulators.web_pubsub.rest_errors import (
    BadRequestError,
    TooLargeError,
    UnsupportedTypeError,
)

MAX_BODY_BYTES = 1024 * 1024
# What reading a body raises that is not encoded as its headers say, or whose sender goes away.
UNREADABLE = (
    web.RequestPayloadError,
    aiohttp.ClientPayloadError,
    HttpProcessingError,
    ConnectionError,
)
_SENDABLE = {DataType.TEXT, DataType.JSON, DataType.BINARY}
_SENDABLE_NAMES = "text/plain, application/json or application/octet-stream"


def segment(request: web.Request, name: str) -> str:
    """Return a path segment, decoded once, in which an encoded slash stays encoded.

    aiohttp decodes ``%2F`` to a slash; no other slash can be in a segment, so this takes it back.
    """
    return request.match_info[name].replace("/", "%2F")


def group_segment(request: web.Request) -> str:
    """Return the group that the path names."""
    group = segment(request, "group")
    if not is_group_name(group):
        raise BadRequestError(
            "The group name must have 1 to 1024 characters, not only white space."
        )
    return group


def excluded(request: web.Request) -> frozenset[str]:
    """Return the connection ids that the request leaves out."""
    return frozenset(request.query.getall("excluded", []))


def single(request: web.Request, name: str) -> str | None:
    """Return a value of the query that makes no sense twice."""
    values = request.query.getall(name, [])
    if len(values) > 1:
        raise BadRequestError(f"{name} must be given at most once.")
    return values[0] if values else None


def query_filter(request: web.Request) -> Predicate | None:
    """Return the filter of the query, if there is one."""
    text = single(request, "filter")
    return None if text is None else compile_filter(text)


def compile_filter(text: str) -> Predicate | None:
    """Return the predicate of an OData filter; an empty one lets everybody pass."""
    if not text.strip():
        return None
    try:
        accepts: Callable[[Connection], bool] = parse_filter(text)
    except FilterError as error:
        raise BadRequestError(f"The filter is invalid: {error}") from error
    return accepts


def bounded_int(request: web.Request, name: str, default: int, low: int, high: int) -> int:
    """Return an integer of the query within its bounds."""
    text = single(request, name)
    if text is None:
        return default
    # isdecimal alone takes other scripts' digits too, and int() of a long text is refused by Python
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and low <= int(text) <= high):  # noqa: PLR2004 - ten digits
        raise BadRequestError(f"{name} must be an integer from {low} to {high}.")
    return int(text)


async def read_message(request: web.Request, clock: Clock, *, group: str | None = None) -> Message:
    """Return the message that the request sends."""
    ttl_seconds = bounded_int(request, "messageTtlSeconds", 0, 0, MAX_TTL_SECONDS)
    content = await _read_content(request)
    return Message(content, group=group, expires_at=clock.deadline(ttl_seconds))


async def read_groups(request: web.Request) -> tuple[list[str], Predicate | None]:
    """Return the groups and the filter of a bulk membership request."""
    if _media_type(request) != "application/json":
        raise UnsupportedTypeError("application/json")
    try:
        body = load_json((await _read_body(request)).decode())
    except ValueError as error:
        raise BadRequestError("The body is not valid JSON.") from error
    groups = body.get("groups") if isinstance(body, dict) else None
    if not isinstance(groups, list) or not groups:
        raise BadRequestError("groups must be an array with at least one group.")
    if not all(isinstance(group, str) and is_group_name(group) for group in groups):
        raise BadRequestError("groups holds an invalid group name.")
    text = body.get("filter") or ""
    if not isinstance(text, str) or not is_text(text):
        raise BadRequestError("filter must be a string.")
    return groups, compile_filter(text)


async def _read_content(request: web.Request) -> Content:
    data_type = MEDIA_TYPES.get(_media_type(request))
    if data_type not in _SENDABLE:
        raise UnsupportedTypeError(_SENDABLE_NAMES)
    try:
        metadata = metadata_from_headers(request.headers.items())
    except InvalidMetadataError as error:
        raise BadRequestError(f"{error}.") from error
    payload = await _read_body(request)
    _check_payload(data_type, payload)
    return Content(data_type, payload, metadata)


def _media_type(request: web.Request) -> str:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


async def _read_body(request: web.Request) -> bytes:
    if request.content_length is None:
        raise BadRequestError("The Content-Length header is missing.")
    if request.content_length > MAX_BODY_BYTES:
        raise TooLargeError
    try:
        return await request.read()
    except UNREADABLE as error:
        raise BadRequestError("The body cannot be read.") from error


def _check_payload(data_type: DataType | None, payload: bytes) -> None:
    try:
        if data_type is DataType.JSON:
            load_json(payload.decode())
        elif data_type is DataType.TEXT:
            payload.decode()
    except ValueError as error:
        raise BadRequestError(f"The body is not valid {data_type}.") from error

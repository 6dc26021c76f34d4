"""A plain-object stand-in for the protobuf module that the runtime builds its answers with.

The runtime only ever constructs these classes with keyword arguments and reads attributes, so no
protobuf is needed (Microsoft's next worker drives it the same way). Invariant: names and constants
are those of FunctionRpc.proto, because the runtime looks them up by name.
"""

from typing import Any

from emulators.functions_host.model import Typed


class Bag:
    """An object that holds what it was constructed with."""

    def __init__(self, **members: Any) -> None:
        self.__dict__.update(members)


class TypedData(Bag):
    """A value of one kind, for instance `TypedData(string="x")`."""

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - protobuf's name
        """Return the kind, or None for no value."""
        return next(iter(self.__dict__), None)


class ParameterBinding(Bag):
    """A named value."""

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 - protobuf's name
        """Return how the value travels: always in the message itself."""
        return "data"


class StatusResult(Bag):
    """Whether a request succeeded."""

    Failure = 0
    Success = 1


class BindingInfo(Bag):
    """A binding's direction and data type; the constants are of both enumerations."""

    undefined = 0
    out = 1
    inout = 2


class RpcHttpCookie(Bag):
    """A cookie of a response."""

    class SameSite:
        """The values of a cookie's SameSite."""

        Lax = "lax"
        Strict = "strict"
        ExplicitNone = "none"


# `None` is a keyword, so protobuf's member of that name can only be set like this.
setattr(RpcHttpCookie.SameSite, "None", None)


class RpcException(Bag):
    """An exception as text."""


class RpcHttp(Bag):
    """A request or a response."""


class WorkerMetadata(Bag):
    """Who the worker is."""


class RpcRetryOptions(Bag):
    """A retry policy."""


class RpcFunctionMetadata(Bag):
    """An indexed function."""


class WorkerInitResponse(Bag):
    """The answer to the request to start."""


class FunctionMetadataResponse(Bag):
    """The indexed functions."""


class FunctionLoadResponse(Bag):
    """The answer to the request to load one function."""


class InvocationResponse(Bag):
    """How an invocation ended."""


class NullableString(Bag):
    """A string, when the object is there."""


class NullableBool(Bag):
    """A bool, when the object is there."""


class NullableDouble(Bag):
    """A float, when the object is there."""


class NullableTimestamp(Bag):
    """A time, when the object is there."""


class Collection(Bag):
    """Several values of one kind, under the name of the kind: `string`, `bytes` or `sint64`."""


class Timestamp(Bag):
    """Seconds since 1970."""


def to_proto(value: Typed) -> TypedData:
    """Build what the runtime decodes from a value that came over the wire."""
    kind, content = value
    if kind == "none":
        return TypedData()
    if kind.startswith("collection_"):
        content = Collection(**{kind.removeprefix("collection_"): content})
    if kind == "http":
        content = RpcHttp(**{**content, "body": to_proto(content["body"])})
    return TypedData(**{kind: content})


def from_proto(value: TypedData | None) -> Typed | None:
    """Turn what the runtime encoded into a value for the wire."""
    if value is None or (kind := value.WhichOneof("data")) is None:
        return None
    content = getattr(value, kind)
    return (kind, _response(content) if kind == "http" else content)


def _response(http: Any) -> dict[str, Any]:
    body = from_proto(http.body)
    return {
        "status": http.status_code,
        "headers": http.headers,
        "cookies": [_cookie(cookie) for cookie in http.cookies or ()],
        "body": b"" if body is None else body[1],
    }


def _cookie(cookie: Any) -> dict[str, Any]:
    expires = cookie.expires
    return {
        "name": cookie.name,
        "value": cookie.value,
        "domain": _unwrap(cookie.domain),
        "path": _unwrap(cookie.path),
        "expires": None if expires is None else expires.value.seconds,
        "secure": _unwrap(cookie.secure),
        "http_only": _unwrap(cookie.http_only),
        "same_site": cookie.same_site,
        "max_age": _unwrap(cookie.max_age),
    }


def _unwrap(nullable: Any) -> Any:
    return None if nullable is None else nullable.value

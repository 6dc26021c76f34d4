"""The errors that become answers, each with a status and a stable code.

AtriumError
├── BadRequest 400            the request cannot be read
│   └── MalformedJson
├── Unauthenticated 401       no valid access token
├── Forbidden 403             a known user who may not
│   ├── AdminRequired         the route is for those who run the platform
│   ├── RoleRequired          the caller's role in the workspace is too low
│   ├── WorkspaceTokenRequired  his token does not say: it carries some of many workspaces
│   └── StepUpRequired        the caller must prove anew who he is
├── NotFound 404              no such thing, or not for this user
│   └── WorkspaceNotFound     there is none, or the caller is not in it
├── Conflict 409              the state of the thing does not allow it
│   └── IdempotencyKeyReused
├── PreconditionFailed 412    it is not as the caller's If-Match has it
├── PayloadTooLarge 413
├── UnsupportedMediaType 415
├── ValidationFailed 422      well-formed, but a field is wrong; names each field
├── TooManyRequests 429       carries Retry-After, and the limit that is used up
├── InternalError 500         a fault of ours
└── Unavailable 503           try again; carries Retry-After
    ├── TooManyHashes         the queue for password hashing is full
    └── NotConfigured         an app setting is missing
        └── InvalidSetting    or has a value that cannot be used

Invariant: a message given to a client never names anything internal. Services derive their own errors
from these; a code, once published, keeps its meaning (docs/errors.md lists them all).
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, TypedDict


class FieldError(TypedDict):
    """One bad field: where it stands, a code for programs, a sentence for people."""

    field: str
    code: str
    message: str


class AtriumError(Exception):
    """An error with an answer: HTTP status, stable code, title, and a detail for this occurrence."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong on our side"
    retry_after: int | None = None

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail

    @property
    def fields(self) -> Sequence[FieldError]:
        """The bad fields, when the error is about fields."""
        return ()


class BadRequest(AtriumError):
    """The request cannot be read."""

    status = 400
    code = "bad_request"
    title = "The request cannot be read"


class MalformedJson(BadRequest):
    """The body is not JSON."""

    code = "malformed_json"
    title = "The body is not valid JSON"


class Unauthenticated(AtriumError):
    """No access token, or not a valid one."""

    status = 401
    code = "unauthenticated"
    title = "A valid access token is needed"


class Forbidden(AtriumError):
    """A known user who may not do this."""

    status = 403
    code = "forbidden"
    title = "You may not do this"


class AdminRequired(Forbidden):
    """The route is for those who run the platform."""

    code = "admin_required"
    title = "This needs an access token with the admin role"


class RoleRequired(Forbidden):
    """The caller's role in the workspace is too low."""

    code = "role_required"
    title = "Your role in this workspace does not allow this"


class WorkspaceTokenRequired(Forbidden):
    """The caller's token carries some of his many workspaces, and not this one, if he is in it."""

    code = "workspace_token_required"
    title = "Ask for an access token of this workspace: POST /api/auth/token"


class StepUpRequired(Forbidden):
    """The caller must prove anew who he is."""

    code = "step_up_required"
    title = "Prove again who you are (POST /api/auth/step-up), then repeat this"


class NotFound(AtriumError):
    """No such thing."""

    status = 404
    code = "not_found"
    title = "There is no such thing"


class WorkspaceNotFound(NotFound):
    """There is none, or the caller is not in it: never said which."""

    code = "workspace_not_found"
    title = "There is no such workspace of yours"


class Conflict(AtriumError):
    """The state of the thing does not allow it."""

    status = 409
    code = "conflict"
    title = "The present state does not allow this"


class IdempotencyKeyReused(Conflict):
    """An idempotency key came back with another body."""

    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used with another body"


class PreconditionFailed(AtriumError):
    """It is not as the caller's If-Match has it."""

    status = 412
    code = "precondition_failed"
    title = "It has changed since you read it"


class PayloadTooLarge(AtriumError):
    """The body exceeds the route's limit."""

    status = 413
    code = "payload_too_large"
    title = "The body is too large"


class UnsupportedMediaType(AtriumError):
    """The body says that it is something else than JSON."""

    status = 415
    code = "unsupported_media_type"
    title = "Send JSON, with Content-Type: application/json"


class ValidationFailed(AtriumError):
    """Well-formed, but fields are wrong."""

    status = 422
    code = "validation_failed"
    title = "Some fields are not valid"

    def __init__(self, fields: Sequence[FieldError]) -> None:
        super().__init__("; ".join(f"{each['field']}: {each['message']}" for each in fields))
        self._fields = tuple(fields)

    @property
    def fields(self) -> Sequence[FieldError]:
        """The bad fields."""
        return self._fields


class Quota(NamedTuple):
    """Where a caller stands with a limit: at most `most` in any `seconds`."""

    name: str
    most: int
    seconds: int
    remaining: int
    reset_seconds: int
    """After so long there is room again."""


class TooManyRequests(AtriumError):
    """The caller is over a limit; `quota` says which, and until when."""

    status = 429
    code = "too_many_requests"
    title = "Too many requests"
    retry_after = 1

    def __init__(self, quota: Quota | None = None) -> None:
        super().__init__()
        self.quota = quota
        if quota is not None:
            self.retry_after = quota.reset_seconds


class InternalError(AtriumError):
    """A fault of ours; its cause is in the log under the request id, never in the answer."""


class Unavailable(AtriumError):
    """Something that we need does not answer; the same request may succeed in a moment."""

    status = 503
    code = "unavailable"
    title = "Not available at the moment, please try again"
    retry_after = 1


class TooManyHashes(Unavailable):
    """The queue for password hashing is full."""


class NotConfigured(Unavailable):
    """An app setting is missing. Its name is for the log, not for the client."""

    code = "not_configured"
    title = "This deployment is not configured completely"

    def __init__(self, setting: str) -> None:
        super().__init__()
        self.setting = setting

    def __str__(self) -> str:
        return f"The app setting {self.setting} is missing"


class InvalidSetting(NotConfigured):
    """An app setting has a value that cannot be used."""

    def __str__(self) -> str:
        return f"The app setting {self.setting} has a value that cannot be used"

"""The REST data plane's errors: a status and a body of code, message and target.

    RestError
    ├── BadRequestError         400 Error.BadRequest
    ├── UnauthorizedError       401 Error.Unauthorized
    ├── TooLargeError           413 Error.PayloadTooLarge
    └── UnsupportedTypeError    415 Error.UnsupportedMediaType

Anything that is missing or in conflict raises ``RestError`` itself with the service's own code.
"""

from aiohttp import web

ERROR_CODE_HEADER = "x-ms-error-code"


class RestError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, code: str, message: str, target: str = "Request") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.target = target

    def response(self) -> web.Response:
        """Return the error as the client reads it."""
        body = {"code": self.code, "message": str(self), "target": self.target}
        headers = {ERROR_CODE_HEADER: self.code}
        return web.json_response(body, status=self.status, headers=headers)


class BadRequestError(RestError):
    """The request is not valid."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "Error.BadRequest", message)


class UnauthorizedError(RestError):
    """The bearer token is missing, wrong, or for another request."""

    def __init__(self) -> None:
        super().__init__(401, "Error.Unauthorized", "The bearer token is missing or invalid.")


class TooLargeError(RestError):
    """The body is larger than the service takes."""

    def __init__(self) -> None:
        super().__init__(413, "Error.PayloadTooLarge", "The body is larger than 1 MiB.")


class UnsupportedTypeError(RestError):
    """The body is of a type that the operation does not take."""

    def __init__(self, allowed: str) -> None:
        super().__init__(415, "Error.UnsupportedMediaType", f"The body must be {allowed}.")

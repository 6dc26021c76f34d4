"""Faults that answer a request: a client that may not connect, REST that is throttled or down.

Invariant: only a request that would have been served is refused, so that each refusal counts; and
it looks like the service's own.
"""

from collections.abc import Collection

from aiohttp import hdrs, web

from emulators.web_pubsub.fault_kinds import Kind
from emulators.web_pubsub.faults import Fault, Faults
from emulators.web_pubsub.rest_errors import RestError

_THROTTLED = 429
_CODES = {_THROTTLED: "Error.TooManyRequests", 503: "Error.ServiceUnavailable"}


class RequestedRestError(RestError):
    """The answer that a fault asks for."""

    def __init__(self, fault: Fault) -> None:
        code = _CODES.get(fault.status, "Error.Requested")
        super().__init__(fault.status, code, f"The fault {fault.id} of the emulator asks for this.")
        self._headers = _retry_headers(fault)

    def response(self) -> web.Response:
        """Return the error as the client reads it, with when to come back."""
        response = super().response()
        response.headers.update(self._headers)
        return response


def refuse_on_request(
    faults: Faults, hub: str, groups: Collection[str], user: str | None, connection: str | None
) -> None:
    """Refuse a client before the upgrade, if a fault asks for it."""
    fault = faults.strike(Kind.REFUSE, hub, groups, user, connection)
    if fault is None:
        return
    error = web.HTTPException(text=f"The fault {fault.id} of the emulator asks for this.")
    error.set_status(fault.status)
    error.headers.update(_retry_headers(fault))
    raise error


def fail_on_request(faults: Faults, request: web.Request) -> None:
    """Fail a REST call, if a fault asks for it; its path says whom the call is about."""
    names = request.match_info
    groups = [names["group"]] if "group" in names else []
    fault = faults.strike(
        Kind.REST, names.get("hub", "").lower(), groups, names.get("user"), names.get("connection")
    )
    if fault is not None:
        raise RequestedRestError(fault)


def _retry_headers(fault: Fault) -> dict[str, str]:
    return {} if fault.retry_after is None else {hdrs.RETRY_AFTER: str(fault.retry_after)}

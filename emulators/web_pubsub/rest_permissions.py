"""REST: granting, revoking and asking for permissions of one connection.

Invariant: a grant or a revocation beyond the limit is a 409 and changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from emulators.web_pubsub.connection import Connection
from emulators.web_pubsub.emulator import Emulator
from emulators.web_pubsub.names import is_group_name
from emulators.web_pubsub.permissions import Operation, PermissionLimitError
from emulators.web_pubsub.rest_errors import BadRequestError, RestError
from emulators.web_pubsub.rest_input import segment

_OPERATIONS = {operation.lower(): operation for operation in Operation}
_OPERATIONS |= {
    "1": Operation.SEND_TO_GROUP,
    "2": Operation.JOIN_LEAVE_GROUP,
}  # as .NET reads enums
_NOT_EXISTED = "Info.Connection.NotExisted"


class PermissionOperations:
    """Permissions of live connections."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[web.RouteDef]:
        """Return the paths of this part."""
        path = "/api/hubs/{hub}/permissions/{permission}/connections/{connection}"
        return [
            web.put(path, self.grant),
            web.head(path, self.check),
            web.delete(path, self.revoke),
        ]

    async def grant(self, request: web.Request) -> web.Response:
        """Allow an operation on one group, or on every group."""
        operation, group = _operation(request), _target(request)
        connection = self._connection(request)
        if connection is None:
            raise RestError(404, _NOT_EXISTED, "The connection does not exist.")
        with _conflict():
            connection.permissions.grant(operation, group)
        return web.Response()

    async def check(self, request: web.Request) -> web.Response:
        """Answer whether the operation is allowed."""
        operation, group = _operation(request), _target(request)
        connection = self._connection(request)
        if connection is None or not connection.permissions.allows(operation, group):
            raise RestError(404, _NOT_EXISTED, "The permission does not exist.")
        return web.Response()

    async def revoke(self, request: web.Request) -> web.Response:
        """Deny an operation on one group, or on every group."""
        operation, group = _operation(request), _target(request)
        connection = self._connection(request)
        if connection is not None:
            with _conflict():
                connection.permissions.revoke(operation, group)
        return web.Response(status=204)

    def _connection(self, request: web.Request) -> Connection | None:
        hub = self._emulator.hub(request.match_info["hub"])
        return hub.connections.get(segment(request, "connection"))


@contextmanager
def _conflict() -> Iterator[None]:
    try:
        yield
    except PermissionLimitError as error:
        raise RestError(409, "Error.Connection.Conflict", str(error)) from error


def _operation(request: web.Request) -> Operation:
    operation = _OPERATIONS.get(segment(request, "permission").lower())
    if operation is None:
        raise BadRequestError("The permission must be sendToGroup or joinLeaveGroup.")
    return operation


def _target(request: web.Request) -> str | None:
    target = request.query.get("targetName")
    if target is not None and not is_group_name(target):
        raise BadRequestError("targetName must be a group name.")
    return target

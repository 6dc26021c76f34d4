"""REST: granting, revoking and asking for permissions of one connection.

Invariant: a grant beyond the limit is a 409 and changes nothing.
"""

from aiohttp import web

from emulators.web_pubsub.connection import Connection
from emulators.web_pubsub.emulator import Emulator
from emulators.web_pubsub.names import is_group_name
from emulators.web_pubsub.permissions import Operation, PermissionLimitError
from emulators.web_pubsub.rest_errors import BadRequestError, RestError
from emulators.web_pubsub.rest_input import segment

_OPERATIONS = {operation.lower(): operation for operation in Operation}


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
            raise RestError(404, "Info.Connection.NotExisted", "The connection does not exist.")
        try:
            connection.permissions.grant(operation, group)
        except PermissionLimitError as error:
            raise RestError(409, "Error.Connection.Conflict", str(error)) from error
        return web.Response()

    async def check(self, request: web.Request) -> web.Response:
        """Answer whether the operation is allowed."""
        operation, group = _operation(request), _target(request)
        connection = self._connection(request)
        if connection is None or not connection.permissions.allows(operation, group):
            raise RestError(404, "Warning.Permission.NotExisted", "The permission does not exist.")
        return web.Response()

    async def revoke(self, request: web.Request) -> web.Response:
        """Take a grant back, if there is one."""
        operation, group = _operation(request), _target(request)
        connection = self._connection(request)
        if connection is not None:
            connection.permissions.revoke(operation, group)
        return web.Response(status=204)

    def _connection(self, request: web.Request) -> Connection | None:
        hub = self._emulator.hub(request.match_info["hub"])
        return hub.connections.get(segment(request, "connection"))


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

"""REST: whether connections, users and groups exist, and closing connections.

Invariant: closing what is not there is a success; asking for it is a 404 with the service's code.
"""

from collections.abc import Iterable

from aiohttp import web

from emulators.web_pubsub.connection import Connection
from emulators.web_pubsub.emulator import Emulator
from emulators.web_pubsub.hub import Hub
from emulators.web_pubsub.names import is_text
from emulators.web_pubsub.rest_errors import BadRequestError, RestError
from emulators.web_pubsub.rest_input import excluded, group_segment, segment

CLOSED_BY_SERVER = "Application server closed the connection."
_NORMAL_CLOSURE = 1000


class ConnectionOperations:
    """Existence and closing."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[web.RouteDef]:
        """Return the paths of this part."""
        hub = "/api/hubs/{hub}"
        return [
            web.head(f"{hub}/connections/{{connection}}", self.connection_exists),
            web.head(f"{hub}/users/{{user}}", self.user_exists),
            web.head(f"{hub}/groups/{{group}}", self.group_exists),
            web.delete(f"{hub}/connections/{{connection}}", self.close_one),
            web.post(f"{hub}/:closeConnections", self.close_all),
            web.post(f"{hub}/users/{{user}}/:closeConnections", self.close_user),
            web.post(f"{hub}/groups/{{group}}/:closeConnections", self.close_group),
        ]

    async def connection_exists(self, request: web.Request) -> web.Response:
        """Answer whether the connection is there, attached or waiting for recovery."""
        found = segment(request, "connection") in self._hub(request).connections
        return _existence(found=found, missing="Warning.Connection.NotExisted")

    async def user_exists(self, request: web.Request) -> web.Response:
        """Answer whether the user has a connection."""
        found = segment(request, "user") in self._hub(request).users
        return _existence(found=found, missing="Warning.User.NotExisted")

    async def group_exists(self, request: web.Request) -> web.Response:
        """Answer whether the group has a member."""
        found = group_segment(request) in self._hub(request).groups
        return _existence(found=found, missing="Warning.Group.NotExisted")

    async def close_one(self, request: web.Request) -> web.Response:
        """Close one connection."""
        connection = self._hub(request).connections.get(segment(request, "connection"))
        return _close(request, [] if connection is None else [connection])

    async def close_all(self, request: web.Request) -> web.Response:
        """Close every connection of the hub."""
        return _close(request, self._hub(request).everyone())

    async def close_user(self, request: web.Request) -> web.Response:
        """Close the connections of a user."""
        return _close(request, self._hub(request).of_user(segment(request, "user")))

    async def close_group(self, request: web.Request) -> web.Response:
        """Close the connections of a group's members."""
        return _close(request, self._hub(request).of_group(group_segment(request)))

    def _hub(self, request: web.Request) -> Hub:
        return self._emulator.hub(request.match_info["hub"])


def _existence(*, found: bool, missing: str) -> web.Response:
    if not found:
        raise RestError(404, missing, "It does not exist.")
    return web.Response()


def _close(request: web.Request, connections: Iterable[Connection]) -> web.Response:
    reason = request.query.get("reason", "")
    if not is_text(reason):
        raise BadRequestError("The reason is not text.")
    leave_out = excluded(request)
    message = f"{CLOSED_BY_SERVER} {reason}".rstrip()
    for connection in connections:
        if connection.id not in leave_out:
            connection.close(_NORMAL_CLOSURE, message)
    return web.Response(status=204)

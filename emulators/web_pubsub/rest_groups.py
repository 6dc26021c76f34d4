"""REST: who is a member of which group, for one connection, a user, or all that a filter lets pass.

Invariant: a request is checked whole before the first membership changes.
"""

from aiohttp import web

from emulators.web_pubsub.connection import Connection
from emulators.web_pubsub.emulator import Emulator
from emulators.web_pubsub.hub import Hub
from emulators.web_pubsub.rest_errors import RestError
from emulators.web_pubsub.rest_input import group_segment, read_groups, segment


class GroupOperations:
    """Membership of groups."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[web.RouteDef]:
        """Return the paths of this part."""
        hub = "/api/hubs/{hub}"
        of_connection = f"{hub}/groups/{{group}}/connections/{{connection}}"
        of_user = f"{hub}/users/{{user}}/groups"
        return [
            web.put(of_connection, self.add_connection),
            web.delete(of_connection, self.remove_connection),
            web.delete(f"{hub}/connections/{{connection}}/groups", self.remove_connection_from_all),
            web.put(f"{of_user}/{{group}}", self.add_user),
            web.delete(f"{of_user}/{{group}}", self.remove_user),
            web.delete(of_user, self.remove_user_from_all),
            web.post(f"{hub}/:addToGroups", self.add_to_groups),
            web.post(f"{hub}/:removeFromGroups", self.remove_from_groups),
        ]

    async def add_connection(self, request: web.Request) -> web.Response:
        """Make a connection a member."""
        group, connection = group_segment(request), self._connection(request)
        if connection is None:
            raise RestError(404, "Error.Connection.NotExisted", "The connection does not exist.")
        self._hub(request).join(connection, group)
        return web.Response()

    async def remove_connection(self, request: web.Request) -> web.Response:
        """End a connection's membership."""
        group, connection = group_segment(request), self._connection(request)
        if connection is not None:
            self._hub(request).leave(connection, group)
        return web.Response(status=204)

    async def remove_connection_from_all(self, request: web.Request) -> web.Response:
        """End every membership of a connection."""
        connection = self._connection(request)
        if connection is not None:
            self._hub(request).leave_all(connection)
        return web.Response(status=204)

    async def add_user(self, request: web.Request) -> web.Response:
        """Make every connection that the user has now a member."""
        group, hub = group_segment(request), self._hub(request)
        connections = hub.of_user(segment(request, "user"))
        if not connections:
            raise RestError(404, "Error.User.NotExisted", "The user has no connection.")
        for connection in connections:
            hub.join(connection, group)
        return web.Response()

    async def remove_user(self, request: web.Request) -> web.Response:
        """End the membership of the user's connections."""
        group, hub = group_segment(request), self._hub(request)
        for connection in hub.of_user(segment(request, "user")):
            hub.leave(connection, group)
        return web.Response(status=204)

    async def remove_user_from_all(self, request: web.Request) -> web.Response:
        """End every membership of the user's connections."""
        hub = self._hub(request)
        for connection in hub.of_user(segment(request, "user")):
            hub.leave_all(connection)
        return web.Response(status=204)

    async def add_to_groups(self, request: web.Request) -> web.Response:
        """Make all connections that the filter lets pass members of several groups."""
        groups, accepts = await read_groups(request)
        hub = self._hub(request)
        for connection in hub.everyone():
            if accepts is None or accepts(connection):
                for group in groups:
                    hub.join(connection, group)
        return web.Response()

    async def remove_from_groups(self, request: web.Request) -> web.Response:
        """End the membership in several groups of all connections that the filter lets pass."""
        groups, accepts = await read_groups(request)
        hub = self._hub(request)
        for connection in hub.everyone():
            if accepts is None or accepts(connection):
                for group in groups:
                    hub.leave(connection, group)
        return web.Response()

    def _hub(self, request: web.Request) -> Hub:
        return self._emulator.hub(request.match_info["hub"])

    def _connection(self, request: web.Request) -> Connection | None:
        return self._hub(request).connections.get(segment(request, "connection"))

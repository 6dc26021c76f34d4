"""REST: messages from the server to everyone, a group, a user or one connection.

Invariant: a message is accepted (202) whether or not anybody is there to hear it.
"""

from aiohttp import web

from emulators.web_pubsub.emulator import Emulator
from emulators.web_pubsub.hub import deliver_to
from emulators.web_pubsub.rest_input import (
    excluded,
    group_segment,
    query_filter,
    read_message,
    segment,
)


class SendOperations:
    """The ``:send`` paths."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[web.RouteDef]:
        """Return the paths of this part."""
        hub = "/api/hubs/{hub}"
        return [
            web.post(f"{hub}/:send", self.send_to_all),
            web.post(f"{hub}/groups/{{group}}/:send", self.send_to_group),
            web.post(f"{hub}/users/{{user}}/:send", self.send_to_user),
            web.post(f"{hub}/connections/{{connection}}/:send", self.send_to_connection),
        ]

    async def send_to_all(self, request: web.Request) -> web.Response:
        """Send to every connection of the hub."""
        accepts, leave_out = query_filter(request), excluded(request)
        message = await read_message(request, self._emulator.clock)
        hub = self._emulator.hub(request.match_info["hub"])
        deliver_to(hub.everyone(), message, excluded=leave_out, accepts=accepts)
        return web.Response(status=202)

    async def send_to_group(self, request: web.Request) -> web.Response:
        """Send to a group, as a group message that no user sent."""
        group, accepts, leave_out = group_segment(request), query_filter(request), excluded(request)
        message = await read_message(request, self._emulator.clock, group=group)
        members = self._emulator.hub(request.match_info["hub"]).of_group(group)
        deliver_to(members, message, excluded=leave_out, accepts=accepts)
        return web.Response(status=202)

    async def send_to_user(self, request: web.Request) -> web.Response:
        """Send to every connection of a user."""
        accepts = query_filter(request)
        message = await read_message(request, self._emulator.clock)
        hub = self._emulator.hub(request.match_info["hub"])
        deliver_to(hub.of_user(segment(request, "user")), message, accepts=accepts)
        return web.Response(status=202)

    async def send_to_connection(self, request: web.Request) -> web.Response:
        """Send to one connection."""
        message = await read_message(request, self._emulator.clock)
        hub = self._emulator.hub(request.match_info["hub"])
        connection = hub.connections.get(segment(request, "connection"))
        if connection is not None:
            connection.deliver(message)
        return web.Response(status=202)

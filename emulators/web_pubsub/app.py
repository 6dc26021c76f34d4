"""The aiohttp application: the client endpoint, the REST data plane and the health check.

Invariant: every path is declared here or in the ``routes()`` of the part that answers it.
"""

from aiohttp import web

from emulators.web_pubsub.admin import AdminOperations
from emulators.web_pubsub.admin_gate import admin_gate
from emulators.web_pubsub.client_endpoint import ClientEndpoint
from emulators.web_pubsub.emulator import Emulator
from emulators.web_pubsub.page_routes import PageOperations
from emulators.web_pubsub.rest_access import rest_gate
from emulators.web_pubsub.rest_connections import ConnectionOperations
from emulators.web_pubsub.rest_groups import GroupOperations
from emulators.web_pubsub.rest_input import MAX_BODY_BYTES
from emulators.web_pubsub.rest_members import MemberOperations
from emulators.web_pubsub.rest_permissions import PermissionOperations
from emulators.web_pubsub.rest_send import SendOperations
from emulators.web_pubsub.rest_tokens import TokenOperations


def build_app(emulator: Emulator) -> web.Application:
    """Return the application of one emulator."""
    app = web.Application(
        middlewares=[rest_gate(emulator), admin_gate()], client_max_size=MAX_BODY_BYTES + 1
    )
    clients = ClientEndpoint(emulator)
    app.add_routes(
        [
            web.head("/api/health", _healthy),
            web.get("/client/hubs/{hub}", clients.handle, allow_head=False),
            web.get("/client/", clients.handle, allow_head=False),
            *AdminOperations(emulator).routes(),
            *ConnectionOperations(emulator).routes(),
            *GroupOperations(emulator).routes(),
            *MemberOperations(emulator).routes(),
            *PageOperations(emulator).routes(),
            *PermissionOperations(emulator).routes(),
            *SendOperations(emulator).routes(),
            *TokenOperations(emulator).routes(),
        ]
    )
    return app


async def _healthy(_: web.Request) -> web.Response:
    return web.Response()

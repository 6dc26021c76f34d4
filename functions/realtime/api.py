"""Realtime over HTTP: the way into the hub. Invariant: only a verified user gets an address."""

import azure.functions as func

from functions.realtime import commands, store
from functions.realtime.models import Connection
from shared_code import live, messaging, tokens
from shared_code.actor import Actor
from shared_code.endpoint import endpoint
from shared_code.readiness import depends_on

blueprint = func.Blueprint()
depends_on("realtime_storage", store.reach)
depends_on("service_bus", messaging.reach)
depends_on("published_keys", tokens.reach)
depends_on("web_pubsub", live.reach)


@endpoint(blueprint, "POST", "realtime/negotiate")
async def negotiate_connection(actor: Actor) -> Connection:
    """Get a WebSocket address for the caller.

    Open it within ten minutes, best with the subprotocol `json.reliable.webpubsub.azure.v1`. Frames are
    entries of the logs of the caller's rooms.
    """
    return await commands.negotiate(actor)

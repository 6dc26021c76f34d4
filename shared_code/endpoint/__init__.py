"""One decorator between an HTTP trigger and a plain handler.

    @endpoint(blueprint, "POST", "rooms", status=201)
    async def create_room(actor: Actor, body: NewRoom) -> Room: ...

The handler's signature is the whole contract: who may call (`Actor` or `Anonymous`), what is parsed
and from where, and what is answered. Invariants: a route that does not say who may call it cannot be
declared; the actor comes from the verified token alone; every failure is a problem+json with a code;
OpenAPI is generated from the same declarations.
"""

from shared_code.endpoint.client import Client
from shared_code.endpoint.cookies import leave_out_empty_domains
from shared_code.endpoint.decorator import endpoint
from shared_code.endpoint.parameters import IdempotencyKey
from shared_code.endpoint.preconditions import IF_MATCH, if_match
from shared_code.endpoint.responses import Content, Model, Page, Reply, page_of
from shared_code.endpoint.route import ROUTES, WORKSPACE, Anonymous, Header, Route

leave_out_empty_domains()

__all__ = [
    "IF_MATCH",
    "ROUTES",
    "WORKSPACE",
    "Anonymous",
    "Client",
    "Content",
    "Header",
    "IdempotencyKey",
    "Model",
    "Page",
    "Reply",
    "Route",
    "endpoint",
    "if_match",
    "page_of",
]

"""Reads what a client shows before the upgrade, and refuses what cannot become a connection.

Invariant: a ``Handshake`` comes from a genuine token for this very hub; a refusal is a 4xx that
says why, and nothing has been started for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiohttp import hdrs, web
from multidict import CIMultiDictProxy

from emulators.web_pubsub.audience import audience_covers
from emulators.web_pubsub.clock import Clock
from emulators.web_pubsub.names import is_group_name, is_hub_name
from emulators.web_pubsub.raw_codec import RawCodec
from emulators.web_pubsub.tokens import (
    Claims,
    Identity,
    InvalidClaimError,
    InvalidTokenError,
    audiences_of,
    identity_of,
    read_token,
)

_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Handshake:
    """A client that may connect, as far as its token goes."""

    hub: str
    claims: Claims
    identity: Identity
    offered: tuple[str, ...]
    raw: RawCodec


@dataclass(frozen=True, slots=True)
class Recovery:
    """A client that wants its dropped connection back."""

    hub: str
    connection_id: str
    token: str
    offered: tuple[str, ...]


def read_hub(request: web.Request) -> str:
    """Return the hub's canonical name, or refuse what no WebSocket can be made of."""
    if not web.WebSocketResponse().can_prepare(request):
        raise web.HTTPBadRequest(text="The request is not a WebSocket request.")
    hub = request.match_info.get("hub") or request.query.get("hub", "")
    if not is_hub_name(hub):
        raise web.HTTPBadRequest(text="The hub name is invalid.")
    return hub.lower()


def read_recovery(request: web.Request, hub: str) -> Recovery | None:
    """Return the wish to recover; a reconnection token alone is no such wish."""
    connection_id = request.query.get("awps_connection_id")
    if not connection_id:
        return None
    token = request.query.get("awps_reconnection_token", "")
    return Recovery(hub, connection_id, token, _offered(request.headers))


def read_handshake(
    request: web.Request,
    hub: str,
    keys: Sequence[bytes],
    clock: Clock,
    authorities: Iterable[str],
) -> Handshake:
    """Return who wants to connect, or refuse."""
    try:
        token = bearer_of(request) or request.query.get("access_token", "")
        claims = read_token(token, keys, clock)
        identity = identity_of(claims)
    except InvalidTokenError as error:
        raise web.HTTPUnauthorized(text="The access token is missing or invalid.") from error
    except InvalidClaimError as error:
        raise web.HTTPBadRequest(text=str(error)) from error
    target = f"/client/hubs/{hub}"
    hosts = {request.host, *authorities}
    if not audience_covers(audiences_of(claims), hosts, target, scope=target):
        raise web.HTTPUnauthorized(text="The access token is for another place.")
    return Handshake(hub, claims, identity, _offered(request.headers), _raw_codec(request))


def bearer_of(request: web.Request) -> str | None:
    """Return the token of the Authorization header."""
    value = request.headers.get(hdrs.AUTHORIZATION, "")
    return value[len(_BEARER) :].strip() if value.lower().startswith(_BEARER) else None


def _offered(headers: CIMultiDictProxy[str]) -> tuple[str, ...]:
    values = ",".join(headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, []))
    return tuple(name.strip() for name in values.split(",") if name.strip())


def _raw_codec(request: web.Request) -> RawCodec:
    mode = request.query.get("webpubsub_mode")
    if mode is None or mode.lower() == "sendevent":
        return RawCodec()
    if mode.lower() != "sendtogroup":
        raise web.HTTPBadRequest(text="webpubsub_mode must be sendEvent or sendToGroup.")
    group = request.query.get("group", "")
    if not is_group_name(group):
        raise web.HTTPBadRequest(text="The group name is invalid.")
    return RawCodec(group, request.query.get("noEcho", "").lower() == "true")

"""REST: a client token made by the service.

Invariant: what the token says is checked as if a client had shown it already.
"""

from aiohttp import web

from emulators.web_pubsub.emulator import Emulator
from emulators.web_pubsub.names import is_group_name, is_header_value
from emulators.web_pubsub.rest_errors import BadRequestError, RestError
from emulators.web_pubsub.rest_input import bounded_int
from emulators.web_pubsub.tokens import write_token

DEFAULT_MINUTES = 60
_MAX_MINUTES = 2**31 - 1


class TokenOperations:
    """``:generateToken``."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[web.RouteDef]:
        """Return the paths of this part."""
        return [web.post("/api/hubs/{hub}/:generateToken", self.generate)]

    async def generate(self, request: web.Request) -> web.Response:
        """Return a token with the user, roles and groups of the query."""
        _check_client_type(request.query.get("clientType", "default").lower())
        minutes = bounded_int(request, "minutesToExpire", DEFAULT_MINUTES, 1, _MAX_MINUTES)
        audience = f"http://{request.host}/client/hubs/{request.match_info['hub']}"
        claims = {"aud": audience, **_claims(request)}
        token = write_token(claims, self._emulator.keys[0], lifetime_seconds=minutes * 60)
        return web.json_response({"token": token})


def _check_client_type(client_type: str) -> None:
    if client_type == "mqtt":
        raise RestError(501, "Error.NotImplemented", "MQTT clients are not supported.")
    if client_type != "default":
        raise BadRequestError("clientType must be default.")


def _claims(request: web.Request) -> dict[str, object]:
    user_id = request.query.get("userId")
    groups = request.query.getall("group", [])
    if user_id is not None and not is_header_value(user_id):
        raise BadRequestError("The userId must not hold control characters.")
    if not all(is_group_name(group) for group in groups):
        raise BadRequestError("A group name is invalid.")
    wanted = {
        "sub": user_id,
        "role": request.query.getall("role", []),
        "webpubsub.group": groups,
    }
    return {name: value for name, value in wanted.items() if value}
